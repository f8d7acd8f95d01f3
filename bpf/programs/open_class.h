/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What no loaded rule can be about is not copied, and its path is not walked: an open is told from others by its access
 * mode and what became of it, before anything is done for it. The rules decide which classes are wanted
 * (internal/narrow).
 */
#ifndef SAKER_OPEN_CLASS_H
#define SAKER_OPEN_CLASS_H

#include "helpers/store/record.h"

#define O_ACCMODE 3    /* asm-generic/fcntl.h */
#define S_IFMT 0170000 /* linux/stat.h */
#define S_IFREG 0100000
#define S_IFDIR 0040000

#define OPEN_FAILURES (1 << OPEN_FAILED | 1 << OPEN_NAME_CHANGED)

/* What may become of the opens that some rule may be about; `flags` are those of the call. */
INLINE __u32 open__outcomes(__u32 call, __u32 flags)
{
	/* A verifier before 6.2 loses a compared bound on the way to the index, so the index is masked where it is used. */
	_Static_assert((int)CALLS <= (int)CALLS_MAX, "each call has its classes");
	BARRIER_VAR(call);
	return open_classes[call & (CALLS_MAX - 1)] >> (flags & O_ACCMODE) * 8 & OPEN_OUTCOMES_ALL;
}

/* Tells whether a rule may be about an open; `file` is NULL if it failed. Whether the name of a failed one changed is
 * not known here yet. */
INLINE bool open__wanted(__u32 outcomes, __s64 ret, struct file *file)
{
	__u32 type;

	if (outcomes == 0)
		return false;
	if (outcomes == OPEN_OUTCOMES_ALL)
		return true;
	if (ret < 0)
		return outcomes & OPEN_FAILURES;
	if (!file)
		return true; /* closed too soon to tell */
	type = READ(file, f_inode, i_mode) & S_IFMT;
	if (type == S_IFREG)
		return outcomes & (1 << OPEN_REGULAR);
	if (type == S_IFDIR)
		return outcomes & (1 << OPEN_DIRECTORY);
	return outcomes & (1 << OPEN_OTHER);
}

#endif
