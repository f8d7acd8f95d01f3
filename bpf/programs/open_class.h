/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What no loaded rule can be about is not copied, and its path is not walked: an open is told from others by its access
 * mode and what became of it, before anything is done for it. The rules decide which classes are wanted
 * (internal/narrow).
 */
#ifndef SAKER_OPEN_CLASS_H
#define SAKER_OPEN_CLASS_H

#include "helpers/store/record.h"

#define O_ACCMODE 3 /* asm-generic/fcntl.h */

/* The rules that may match an open with these flags that ends so. */
INLINE __u64 open__mask(__u32 call, __u32 flags, enum open_outcome outcome)
{
	/* A verifier before 6.2 loses a compared bound on the way to the index, so the index is masked where it is used. */
	_Static_assert((int)CALLS <= (int)CALLS_MAX, "each call has its classes");
	BARRIER_VAR(call);
	BARRIER_VAR(flags);
	return open_masks[call & (CALLS_MAX - 1)][flags & O_ACCMODE][outcome & (OPEN_OUTCOMES - 1)];
}

/* The rules that may match an open whatever the name of its file is. */
INLINE __u64 open__any_name(__u32 call)
{
	BARRIER_VAR(call);
	return any_name[call & (CALLS_MAX - 1)];
}

/* The rules that may match one with these flags that fails. */
INLINE __u64 open__failure_mask(__u32 call, __u32 flags)
{
	return open__mask(call, flags, OPEN_FAILED) | open__mask(call, flags, OPEN_NAME_CHANGED);
}

/* What became of an open that succeeded. */
INLINE enum open_outcome open__outcome(struct file *file)
{
	__u32 type = READ(file, f_inode, i_mode) & S_IFMT;

	return type == S_IFREG ? OPEN_REGULAR : type == S_IFDIR ? OPEN_DIRECTORY : OPEN_OTHER;
}

#endif
