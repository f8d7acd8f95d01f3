/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#ifndef SAKER_PARAM_TEXT_H
#define SAKER_PARAM_TEXT_H

#include "helpers/param/param.h"
#include "helpers/store/entry.h"
#include "helpers/store/start_dir.h"

/* SOURCE_STRING: a string of the caller, as it is when the call returns. */
GLOBAL __u32 param__string(__u32 index, __u32 off)
{
	struct scratch *s = base__scratch();
	struct param_value *v;
	__u64 ptr;
	long n;

	if (!s)
		return 0;
	v = param__value(s, index);
	ptr = param__arg(s, param__recipe(s, index)->arg);
	if (ptr && s->call.ring)
		n = bpf_probe_read_kernel_str(store__at(s, off), PATH_LEN_MAX, (void *)ptr);
	else
		n = ptr ? bpf_probe_read_user_str(store__at(s, off), PATH_LEN_MAX, (void *)ptr) : -1;
	if (n < 0) {
		v->flags |= PARAM_MISSING;
		return 0;
	}
	if (n == PATH_LEN_MAX)
		v->flags |= PARAM_TRUNCATED;
	return n > 0 ? n - 1 : 0;
}

/* A path of which the kernel has made its own copy. */
INLINE struct call_path param__kernel_path(struct scratch *s, __u32 off, __u64 ptr)
{
	struct call_path path = {};

	path.len = store__kernel_string(s, off, (void *)ptr) & (PATH_LEN_MAX - 1);
	return path;
}

/* SOURCE_PATH: a path of the caller as it was at entry, then what it is now, if that is another, then the directory that it
 * starts from, if it is relative. */
GLOBAL __u32 param__path(__u32 index, __u32 off)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	const volatile struct param_recipe *r;
	struct scratch *s = base__scratch();
	struct call_path path;
	struct param_value *v;
	__u64 dir, ptr;
	__u32 mode;

	if (!s)
		return 0;
	v = param__value(s, index);
	r = param__recipe(s, index);
	ptr = param__arg(s, r->arg);
	if (!ptr) {
		v->flags |= PARAM_MISSING;
		return 0;
	}
	path = s->call.ring ? param__kernel_path(s, off, ptr) : store__user_path(off, ptr, r->size);
	if (path.flags & FLAG_RAW_TRUNCATED)
		v->flags |= path.len ? PARAM_TRUNCATED : PARAM_MISSING;
	if (path.flags & FLAG_NAME_CHANGED)
		v->flags |= PARAM_CHANGED;
	v->number = (__u64)path.exit_len << 32;
	if (!store__is_relative(s, off, &path))
		return path.len + path.exit_len;
	off += path.len + path.exit_len;
	dir = store__start_dir_at(s, off, task, (__s32)param__arg(s, r->with), &mode);
	if (dir >> 32 & FLAG_PATH_TRUNCATED)
		v->flags |= PARAM_TRUNCATED;
	v->number |= (__u32)dir;
	return path.len + path.exit_len + ((__u32)dir & (2 * PATH_LEN_MAX - 1));
}

#endif
