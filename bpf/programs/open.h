/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#ifndef SAKER_OPEN_H
#define SAKER_OPEN_H

#include "programs/open_class.h"
#include "helpers/store/entry.h"
#include "helpers/store/start_dir.h"
#include "helpers/narrow/file.h"

/* Reads the arguments of scratch.call into scratch.open. A function of its own, so that what follows is verified once and not for each
 * call of the family. */
GLOBAL int open__args(__u32 call)
{
	struct scratch *s = base__scratch();
	struct open_how how = {};
	struct open_args *a;
	__u64 *arg;

	if (!s)
		return 0;
	arg = s->call.arg;
	a = &s->open;
	a->unread = false;
	a->dirfd = AT_FDCWD;
	a->resolve = 0;
	a->has_path = call != CALL_OPEN_BY_HANDLE_AT;
	switch (call) {
	case CALL_OPEN:
		a->path = arg[0];
		a->flags = arg[1];
		a->mode = arg[2];
		break;
	case CALL_CREAT:
		a->path = arg[0];
		a->flags = 01 | 0100 | 01000; /* O_WRONLY | O_CREAT | O_TRUNC: creat(2) */
		a->mode = arg[1];
		break;
	case CALL_OPENAT:
		a->dirfd = arg[0];
		a->path = arg[1];
		a->flags = arg[2];
		a->mode = arg[3];
		break;
	case CALL_OPENAT2:
		a->dirfd = arg[0];
		a->path = arg[1];
		a->unread = bpf_probe_read_user(&how, sizeof(how), (void *)arg[2]);
		a->flags = how.flags;
		a->mode = how.mode;
		a->resolve = how.resolve;
		break;
	default: /* open_by_handle_at names no path */
		a->dirfd = arg[0];
		a->path = 0;
		a->flags = arg[2];
		a->mode = 0;
		break;
	}
	return 0;
}

/* The directory that a relative path starts from, whatever became of the file: for the name as Falco gives it. Sets `mode` to
 * the i_mode of what a descriptor stands for. Adds flags to the header. */
INLINE __u32 store__start_dir(__u32 off, struct record_header *h, struct task_struct *task, __s32 dirfd, __u32 *mode)
{
	struct scratch *s = base__scratch_at(h->cpu);
	__u64 v;

	if (!s)
		return 0;
	v = store__start_dir_at(s, off, task, dirfd, mode);
	/* Which root it lies below is told of the opened file alone. */
	h->flags |= v >> 32 & ~FLAG_OUTSIDE_ROOT;
	return (__u32)v & (2 * PATH_LEN_MAX - 1);
}

/* The record in the scratch buffer, without its texts and its file. */
INLINE void open__begin(struct open_record *r, const struct open_args *args, __u32 call, __s64 ret)
{
	store__begin(RECORD_OPEN);
	r->ret = ret;
	r->resolve = args->resolve;
	r->open_flags = args->flags;
	r->open_mode = args->mode;
	r->dirfd = args->dirfd;
	r->call = call;
	r->raw_len = r->exit_raw_len = r->dir_len = r->path_len = r->hidden_len = r->mount_len = 0;
	r->dir_mode = r->pad = 0;
	__builtin_memset(&r->file, 0, sizeof(r->file));
}

/* Adds the directory and the file to the record in the scratch buffer, which has the caller's text, if it is `named`, and sends it.
 * The pointers may be null. */
GLOBAL int open__end(__u64 task_ptr, __u32 named, __u64 file_ptr)
{
	struct task_struct *task = (void *)task_ptr;
	struct scratch *s = base__scratch();
	struct file *file = (void *)file_ptr;
	struct kernel_counters *c;
	struct call_path path;
	struct open_record *r;
	bool relative;
	__u32 off;

	if (!s)
		return 0;
	r = (void *)s->record;
	path = (struct call_path){r->raw_len, r->exit_raw_len, r->h.flags};
	off = sizeof(*r) + path.len + path.exit_len;
	relative = named && store__is_relative(s, sizeof(*r), &path);
	if (r->dirfd != AT_FDCWD || relative) {
		__u32 mode = 0;

		r->dir_len = store__start_dir(off, &r->h, task, r->dirfd, &mode);
		r->dir_mode = mode;
		if (!relative && r->h.flags & FLAG_PATH_TRUNCATED)
			r->h.flags = (r->h.flags & ~FLAG_PATH_TRUNCATED) | FLAG_DIR_TRUNCATED;
	}
	off += r->dir_len;

	if (file) {
		extract__inode(READ(file, f_inode), &r->file);
		if (READ(file, f_mode) & FMODE_CREATED)
			r->h.flags |= FLAG_CREATED;
		r->path_len = store__path(off, &r->h, task, __builtin_preserve_access_index(&file->f_path));
		off += r->path_len;
		r->hidden_len = store__fs_path(off, &r->h, &r->mount_len);
		off += r->hidden_len;
	} else if (r->ret >= 0 && !(r->h.flags & FLAG_NO_RESULT)) {
		/* Another thread was quick to close it. */
		r->h.flags |= FLAG_FILE_GONE;
		c = base__counters();
		if (c)
			c->file_gone++;
	}
	store__submit(s, RING_BULK, off);
	return 0;
}

/* The rules that may match the open in scratch.open, which failed. Its text stands behind the record, `len` bytes, with flags of the
 * record. */
GLOBAL __u64 open__failed_mask(__u32 call, __u32 len, __u32 flags)
{
	struct scratch *s = base__scratch();
	struct open_args *args;
	__u64 mask;

	if (!s)
		return ALL_RULES;
	args = &s->open;
	if (args->unread)
		return ALL_RULES;
	if (flags & FLAG_NAME_CHANGED)
		return open__mask(call, args->flags, OPEN_NAME_CHANGED);
	mask = open__mask(call, args->flags, OPEN_FAILED) & narrow__process();
	if (mask && !(mask & open__any_name(call)) && args->has_path && !(flags & FLAG_RAW_TRUNCATED))
		mask &= narrow__not_opened(sizeof(struct open_record), len);
	return mask;
}

/* The rules that may match the open in scratch.open, which succeeded; the file is NULL if it was closed too soon to tell. */
GLOBAL __u64 open__succeeded_mask(__u32 call, __u64 file)
{
	struct scratch *s = base__scratch();
	__u64 mask = ALL_RULES;
	struct open_args *args;

	if (!s || !file)
		return mask;
	args = &s->open;
	if (!args->unread)
		mask = open__mask(call, args->flags, open__outcome((void *)file));
	if (mask)
		mask &= narrow__process();
	if (mask && !(mask & open__any_name(call)))
		mask &= narrow__opened(file, args->has_path ? args->path : 0, args->dirfd);
	return mask;
}

/* Records the open whose arguments are in scratch.call. */
GLOBAL int open__record(__s64 ret, __u32 call, __u32 compat)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct scratch *s = base__scratch();
	struct call_path path = {};
	struct open_record *r;
	struct open_args *args;
	struct file *file = NULL;

	if (!s)
		return 0;
	r = (void *)s->record;
	args = &s->open;
	open__args(call);
	if (ret >= 0) {
		file = extract__file(task, ret);
		if (!open__succeeded_mask(call, base__number(s, file)))
			return 0;
	} else {
		if (!args->unread && !(open__failure_mask(call, args->flags) & narrow__process()))
			return 0;
		if (args->has_path)
			path = store__user_path(sizeof(*r), args->path, 0);
		if (!open__failed_mask(call, path.len, path.flags))
			return 0;
	}
	open__begin(r, args, call, ret);
	r->h.flags = path.flags;
	r->raw_len = path.len;
	r->exit_raw_len = path.exit_len;
	if (compat)
		r->h.flags |= FLAG_COMPAT;
	if (ret >= 0 && args->has_path)
		r->raw_len = store__user_string(s, sizeof(*r), &r->h, args->path);
	open__end((__u64)task, args->has_path, (__u64)file);
	return 0;
}

#endif
