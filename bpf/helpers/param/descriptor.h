/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#ifndef SAKER_PARAM_DESCRIPTOR_H
#define SAKER_PARAM_DESCRIPTOR_H

#include "helpers/param/number.h"
#include "helpers/extract/socket.h"
#include "helpers/store/entry.h"

/* The file's facts and its path at `off`; returns their length. */
INLINE __u32 param__file(struct scratch *s, __u32 off, struct param_value *v, struct file *file)
{
	struct file_info *info = store__at(s, off);
	__u32 slot = bpf_get_smp_processor_id();
	struct inode *inode = READ(file, f_inode);
	__u64 walked;

	extract__inode(inode, &info->inode);
	info->magic = READ(inode, i_sb, s_magic);
	info->open_flags = READ(file, f_flags);
	s->task = bpf_get_current_task();
	s->object = (__u64)__builtin_preserve_access_index(&file->f_path);
	walked = store__path_at(slot, off + sizeof(*info));
	v->flags |= PARAM_FILE;
	if (walked >> 32 & FLAG_PATH_TRUNCATED)
		v->flags |= PARAM_TRUNCATED;
	if (walked >> 32 & FLAG_OUTSIDE_ROOT)
		v->flags |= PARAM_OUTSIDE_ROOT;
	return sizeof(*info) + ((__u32)walked & (2 * PATH_LEN_MAX - 1));
}

/* The file or socket behind a descriptor of the caller, at `off`; returns the length. Without one the number stands alone. */
GLOBAL __u32 param__behind(__u32 index, __u32 off)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct scratch *s = base__scratch();
	struct param_value *v;
	struct socket *socket;
	struct file *file;

	if (!s)
		return 0;
	v = param__value(s, index);
	if (s->call.file && param__recipe(s, index)->arg == 0)
		file = (void *)s->call.file;
	else
		file = extract__file(task, (__s32)v->number);
	if (!file)
		return 0;
	socket = extract__socket(file);
	if (!socket)
		return param__file(s, off, v, file);
	v->flags |= PARAM_SOCKET;
	return extract__ends(store__at(s, off), file, socket);
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
	s->call.file = 0;
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
	if (r->source == SOURCE_DESCRIPTOR)
		param__value(s, index)->number = param__arg(s, r->arg);
	else
		param__number(index);
	return r->rules & PARAM_AT_ENTRY ? param__kept(index, off) : param__behind(index, off);
}

#endif
