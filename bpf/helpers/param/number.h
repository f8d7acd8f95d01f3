/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#ifndef SAKER_PARAM_NUMBER_H
#define SAKER_PARAM_NUMBER_H

#include "helpers/param/param.h"
#include "helpers/extract/memory.h"

/* A number of 1, 2, 4 or 8 bytes in the caller's memory, 0 behind a null pointer or where there is no memory. That is then told in
 * scratch.call.unreadable. */
GLOBAL __u64 param__user_number(__u64 base, __u32 offset, __u32 size)
{
	struct scratch *s = base__scratch();
	__u64 number = 0;

	if (!s || !base)
		return 0;
	/* Its lower bound is not compared: clang makes one comparison of both, with another number, that Linux 5.10 does not follow. */
	BARRIER_VAR(size);
	if (size > sizeof(number))
		return 0;
	if (bpf_probe_read_user(&number, size, (void *)(base + offset))) {
		s->call.unreadable = true;
		return 0;
	}
	return number;
}

/* SOURCE_NUMBER, and the number of SOURCE_DESCRIPTOR_AT. */
GLOBAL __u32 param__number(__u32 index)
{
	const volatile struct param_recipe *r;
	struct scratch *s = base__scratch();
	struct param_value *v;
	__u32 half;

	if (!s)
		return 0;
	v = param__value(s, index);
	r = param__recipe(s, index);
	half = r->rules & PARAM_LONGS && s->call.narrow;
	s->call.unreadable = false;
	v->number = param__user_number(param__arg(s, r->arg), r->offset >> half, r->size >> half);
	if (s->call.unreadable)
		v->flags |= PARAM_MISSING;
	return 0;
}

/* SOURCE_MEMORY. */
GLOBAL __u32 param__memory(__u32 index)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct scratch *s = base__scratch();
	struct param_value *v;
	struct mm_struct *mm;

	if (!s)
		return 0;
	v = param__value(s, index);
	mm = READ(task, mm);
	if (!mm)
		return 0;
	switch (param__recipe(s, index)->size) {
	case 0:
		v->number = extract__memory_size(mm);
		break;
	case 1:
		v->number = extract__memory_resident(mm);
		break;
	default:
		v->number = extract__memory_swapped(mm);
	}
	return 0;
}

/* SOURCE_CRED: a capability set of the caller, after the call. */
GLOBAL __u32 param__cred(__u32 index)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct scratch *s = base__scratch();
	__u64 sets[4] = {};
	struct cred *cred;

	if (!s)
		return 0;
	cred = READ(task, cred);
	extract__capabilities(cred, &sets[0], &sets[1], &sets[2]);
	param__value(s, index)->number = sets[param__recipe(s, index)->size & 3];
	return 0;
}

#endif
