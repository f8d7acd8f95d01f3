/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#ifndef SAKER_PARAM_DESCRIPTOR_H
#define SAKER_PARAM_DESCRIPTOR_H

#include "helpers/param/number.h"
#include "helpers/extract/io_uring.h"
#include "helpers/store/entry.h"
#include "helpers/store/open_file.h"

/* The file of a request to a ring that is one of its arguments, or what it made: it may be in the ring's own table. */
INLINE struct file *param__ring_file(struct scratch *s, __u32 arg, __s32 fd)
{
	if (arg == ARG_RESULT && s->call.slot)
		return extract__fixed_file((void *)s->call.ring, s->call.slot, fd);
	if (arg == s->call.file_arg && s->call.file)
		return (void *)s->call.file;
	if (s->call.foreign)
		return NULL;
	return extract__file((void *)bpf_get_current_task(), fd);
}

/* The file or socket behind a descriptor of the caller, at `off`; returns the length. Without one the number stands alone. */
GLOBAL __u32 param__behind(__u32 index, __u32 off)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct scratch *s = base__scratch();
	struct param_value *v;
	struct file *file;
	__u64 stored;

	if (!s)
		return 0;
	v = param__value(s, index);
	file = s->call.ring ? param__ring_file(s, param__recipe(s, index)->arg, (__s32)v->number)
	                    : extract__file(task, (__s32)v->number);
	if (!file)
		return 0;
	stored = store__open_file(s, off, file);
	v->flags |= stored >> 32;
	return stored;
}

/* The file or socket that was kept when the call began, at `off`; returns the length. */
GLOBAL __u32 param__kept(__u32 index, __u32 off)
{
	struct kernel_counters *c = base__counters();
	struct scratch *s = base__scratch();
	__s64 kept;

	if (!s || !c)
		return 0;
	kept = store__entry_kept(s, off);
	if (kept < 0) {
		c->entry_missing++;
		return 0;
	}
	param__value(s, index)->flags |= kept >> 32;
	return kept;
}

/* Keeps the file or socket behind a descriptor of the caller for the end of its call. */
GLOBAL int param__keep(__s32 fd)
{
	const __u32 off = sizeof(struct call_record) + sizeof(struct param_value);
	struct scratch *s = base__scratch();
	struct param_value *v;
	__u32 len;

	if (!s)
		return 0;
	v = param__value(s, 0);
	s->call.ring = 0;
	v->number = (__u32)fd;
	v->flags = 0;
	len = param__behind(0, off);
	store__entry_data(s, off, len, v->flags);
	return 0;
}

/* SOURCE_DESCRIPTOR and SOURCE_DESCRIPTOR_AT. */
GLOBAL __u32 param__descriptor(__u32 index, __u32 off)
{
	const volatile struct param_recipe *r;
	struct scratch *s = base__scratch();

	if (!s)
		return 0;
	r = param__recipe(s, index);
	if (r->source == SOURCE_DESCRIPTOR && r->arg == ARG_RESULT && s->call.flags & FLAG_NO_RESULT) {
		param__value(s, index)->flags |= PARAM_MISSING;
		return 0;
	}
	if (r->source == SOURCE_DESCRIPTOR)
		param__value(s, index)->number = param__arg(s, r->arg);
	else
		param__number(index);
	return r->rules & PARAM_AT_ENTRY && !s->call.ring ? param__kept(index, off) : param__behind(index, off);
}

#endif
