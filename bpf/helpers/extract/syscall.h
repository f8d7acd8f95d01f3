/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#ifndef SAKER_EXTRACT_SYSCALL_H
#define SAKER_EXTRACT_SYSCALL_H

#include "helpers/base/base.h"

#if defined(__TARGET_ARCH_x86)

INLINE __s64 extract__syscall_nr(struct pt_regs *regs)
{
	return READ(regs, orig_ax);
}

INLINE bool extract__is_compat(struct task_struct *task)
{
	return READ(task, thread_info.status) & TS_COMPAT;
}

/* The kernel gives such an exec the number that it has in the new program's table. */
INLINE bool extract__is_other_exec(struct pt_regs *regs, long ret, bool compat)
{
	return false;
}

/* The argument registers keep the caller's values until the call returns. */
INLINE __u64 extract__syscall_arg(struct pt_regs *regs, int n, bool compat)
{
	if (compat) {
		switch (n) {
		case 0:
			return (__u32)READ(regs, bx);
		case 1:
			return (__u32)READ(regs, cx);
		case 2:
			return (__u32)READ(regs, dx);
		case 3:
			return (__u32)READ(regs, si);
		case 4:
			return (__u32)READ(regs, di);
		default:
			return (__u32)READ(regs, bp);
		}
	}
	switch (n) {
	case 0:
		return READ(regs, di);
	case 1:
		return READ(regs, si);
	case 2:
		return READ(regs, dx);
	case 3:
		return READ(regs, r10);
	case 4:
		return READ(regs, r8);
	default:
		return READ(regs, r9);
	}
}

#elif defined(__TARGET_ARCH_arm64)

INLINE __s64 extract__syscall_nr(struct pt_regs *regs)
{
	return READ(regs, syscallno);
}

INLINE bool extract__is_compat(struct task_struct *task)
{
	return READ(task, thread_info.flags) & (1UL << TIF_32BIT);
}

/*
 * Tells whether a call that ends is an exec by which a 64-bit program became a 32-bit one, or the reverse: its number is that of the
 * table of before. The new program's registers are zeros, and of such arguments no call of the same number in the other table returns 0:
 * fcntl64 (221) and socket (281) of arm, listxattr (11) of arm64; 387 is free there.
 */
INLINE bool extract__is_other_exec(struct pt_regs *regs, long ret, bool compat)
{
	__s64 nr = READ(regs, syscallno);

	if (ret || (compat ? nr != NR_EXECVE && nr != NR_EXECVEAT : nr != NR_COMPAT_EXECVE && nr != NR_COMPAT_EXECVEAT))
		return false;
	return !READ(regs, orig_x0) && !READ(regs, regs[1]);
}

/* The first register holds the result by now. */
INLINE __u64 extract__syscall_arg(struct pt_regs *regs, int n, bool compat)
{
	__u64 v;

	if (n == 0)
		v = READ(regs, orig_x0);
	else if (n == 1)
		v = READ(regs, regs[1]);
	else if (n == 2)
		v = READ(regs, regs[2]);
	else if (n == 3)
		v = READ(regs, regs[3]);
	else if (n == 4)
		v = READ(regs, regs[4]);
	else
		v = READ(regs, regs[5]);
	return compat ? (__u32)v : v;
}

#endif

/* The open file behind a descriptor of the current task; NULL if there is none. */
INLINE struct file *extract__file(struct task_struct *task, __s64 fd)
{
	struct fdtable *fdt = READ(task, files, fdt);
	struct file **files, *file = NULL;

	if (!fdt || fd < 0 || fd >= READ(fdt, max_fds))
		return NULL;
	files = READ(fdt, fd);
	bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	return file;
}

#endif
