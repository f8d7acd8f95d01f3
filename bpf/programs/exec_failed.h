/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#include "programs/open.h"

/* The path among the arguments of an execve or execveat. */
INLINE __u64 exec__path(const struct call_args *c, __u32 call, __s32 *dirfd)
{
	*dirfd = call == CALL_EXECVEAT ? (__s32)c->arg[0] : AT_FDCWD;
	return call == CALL_EXECVEAT ? c->arg[1] : c->arg[0];
}

/* Adds the directory that a relative path starts from to the record in the scratch buffer, whose end `off` is, and sends it. */
GLOBAL int exec_failed__end(__u32 off, __u32 relative)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct scratch *s = base__scratch();
	struct exec_failed_record *r;
	__u32 mode = 0;

	if (!s)
		return 0;
	r = (void *)s->record;
	if (relative)
		r->dir_len = store__start_dir(off, &r->h, task, r->dirfd, &mode);
	store__submit(s, RING_BULK, off + r->dir_len);
	return 0;
}

/* An execve or execveat that returned, with its arguments in scratch.call: it failed, and the caller is what it was. The name is from
 * user memory. */
GLOBAL int exec_failed__record(__s64 ret, __u32 call, __u32 compat)
{
	struct scratch *s = base__scratch();
	struct exec_failed_record *r;
	struct call_path path;
	__u32 off = sizeof(*r);
	bool relative;
	__s32 dirfd;

	if (!s)
		return 0;
	r = (void *)s->record;
	path = store__user_path(off, exec__path(&s->call, call, &dirfd), 0);
	store__begin(RECORD_EXEC_FAILED);
	r->h.flags = path.flags;
	if (compat)
		r->h.flags |= FLAG_COMPAT;
	r->ret = ret;
	r->call = call;
	r->dirfd = dirfd;
	r->raw_len = path.len;
	r->exit_raw_len = path.exit_len;
	r->dir_len = r->pad = 0;
	relative = store__is_relative(s, off, &path);
	return exec_failed__end(off + path.len + path.exit_len, relative);
}
