/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#include "programs/open.h"

/* An execve or execveat that returned: it failed, and the caller is what it was. The name is from user memory. */
GLOBAL int exec_failed__record(__u64 regs_ptr, __s64 ret, __u32 call, __u32 compat)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct pt_regs *regs = (void *)regs_ptr;
	struct scratch *s = base__scratch();
	struct exec_failed_record *r;
	__u64 path;
	__u32 off = sizeof(*r);

	if (!s)
		return 0;
	r = (void *)s->record;
	store__header(&r->h, task, RECORD_EXEC_FAILED);
	if (compat)
		r->h.flags |= FLAG_COMPAT;
	r->ret = ret;
	r->call = call;
	r->dirfd = AT_FDCWD;
	r->dir_len = 0;
	if (call == CALL_EXECVEAT) {
		r->dirfd = extract__syscall_arg(regs, 0, compat);
		path = extract__syscall_arg(regs, 1, compat);
	} else {
		path = extract__syscall_arg(regs, 0, compat);
	}
	r->raw_len = store__user_string(s, off, &r->h, path);
	off += r->raw_len;
	if (!r->raw_len || s->record[sizeof(*r)] != '/')
		r->dir_len = store__start_dir(off, &r->h, task, r->dirfd);
	off += r->dir_len;
	store__submit(s, RING_BULK, off);
	return 0;
}
