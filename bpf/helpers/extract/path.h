/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * A path from the kernel's own objects. bpf_d_path is refused in tracepoint programs, so the dentries and mounts are
 * walked here, from the file up to the process's root, as fs/d_path.c does. No lock is taken, but each name and its
 * parent are read until no rename has come between (d_seq). Renames of two folders of one path during the walk may
 * still show one before and the other after.
 */
#ifndef SAKER_EXTRACT_PATH_H
#define SAKER_EXTRACT_PATH_H

#include "helpers/base/base.h"

/* Components and mount crossings together. A deeper path loses its front and is flagged. */
#define PATH_STEPS 200
#define NAME_MASK 0xff

INLINE struct mount *extract__real_mount(struct vfsmount *vfsmount)
{
	return (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
}

/* Puts "/name" before what stands in the buffer; a dentry that is its own root gets no slash. */
INLINE bool extract__prepend_name(struct scratch *s, struct dentry *dentry, bool slash)
{
	struct qstr name = {};
	__u32 len, pos = s->walk.start;

	name.name = READ(dentry, d_name.name);
	len = READ(dentry, d_name.len) & NAME_MASK;
	if (!len || pos < len + 1 || pos > PATH_LEN_MAX)
		return false;
	pos -= len;
	BARRIER_VAR(pos);
	pos &= PATH_LEN_MAX - 1;
	BARRIER_VAR(len);
	len &= NAME_MASK;
	bpf_probe_read_kernel(&s->path[pos], len, name.name);
	if (slash) {
		pos = (pos - 1) & (PATH_LEN_MAX - 1);
		s->path[pos] = '/';
	}
	s->walk.start = pos;
	return true;
}

/* Counts the changes of a dentry's name and parent; odd while one is made (linux/dcache.h). */
INLINE __u32 extract__changes(struct dentry *dentry)
{
	if (!bpf_core_field_exists(dentry->d_seq.seqcount))
		return 0;
	return READ(dentry, d_seq.seqcount.sequence);
}

/* What stands in no directory has at most a name of its own: memfd has; pipes have none, namespaces a slash. */
INLINE void extract__own_name(struct scratch *s, struct dentry *dentry)
{
	if (extract__prepend_name(s, dentry, false) && s->path[s->walk.start & (PATH_LEN_MAX - 1)] == '/')
		s->walk.start = PATH_LEN_MAX;
}

/* Notes where the walk leaves the mount that it began in. */
INLINE void extract__leave_mount(struct path_walk *w)
{
	if (w->top)
		return;
	w->top = w->dentry;
	w->below = PATH_LEN_MAX - w->start;
}

/* Goes one dentry or mount up; false at the end of the walk. A function of its own, so that it is verified once and not
 * for every step. */
GLOBAL int extract__path_step(__u32 slot)
{
	struct scratch *s = base__scratch_at(slot);
	struct dentry *dentry, *parent;
	struct mount *mount, *mount_parent;
	struct path_walk *w;
	__u32 start, changes;

	if (!s)
		return false;
	w = &s->walk;
	dentry = (void *)w->dentry;
	if (w->dentry == w->root_dentry && w->vfsmount == w->root_vfsmount)
		goto top;
	if (w->dentry == w->mnt_root) {
		extract__leave_mount(w);
		mount = extract__real_mount((void *)w->vfsmount);
		mount_parent = READ(mount, mnt_parent);
		if (mount_parent == mount || !mount_parent) {
			/* The top of another mount tree than the process's. */
			w->flags |= FLAG_OUTSIDE_ROOT;
			goto top;
		}
		w->dentry = (__u64)READ(mount, mnt_mountpoint);
		w->vfsmount = (__u64)mount_parent + bpf_core_field_offset(struct mount, mnt);
		w->mnt_root = (__u64)READ(mount_parent, mnt.mnt_root);
		return true;
	}
	changes = extract__changes(dentry);
	parent = READ(dentry, d_parent);
	if (parent == dentry || !parent) {
		/* A root that is not mounted there: memfd, pipe, namespace, or a detached tree. */
		if (w->start == PATH_LEN_MAX)
			extract__own_name(s, dentry);
		w->flags |= FLAG_OUTSIDE_ROOT;
		return false;
	}
	start = w->start;
	if (!extract__prepend_name(s, dentry, true)) {
		w->flags |= FLAG_PATH_TRUNCATED;
		return false;
	}
	if (changes & 1 || changes != extract__changes(dentry)) {
		w->start = start; /* renamed meanwhile: the next step tries again */
		return true;
	}
	w->dentry = (__u64)parent;
	return true;
top:
	extract__leave_mount(w);
	if (w->start == PATH_LEN_MAX) {
		w->start = PATH_LEN_MAX - 1;
		s->path[PATH_LEN_MAX - 1] = '/';
	}
	return false;
}

/* Walks into the scratch buffer of a slot; the result is its walk. */
INLINE void extract__path(struct scratch *s, __u32 slot, struct path *path, struct path *root)
{
	struct path_walk *w = &s->walk;

	w->dentry = (__u64)READ(path, dentry);
	w->vfsmount = (__u64)READ(path, mnt);
	w->mnt_root = (__u64)READ(path, mnt, mnt_root);
	w->root_dentry = (__u64)READ(root, dentry);
	w->root_vfsmount = (__u64)READ(root, mnt);
	w->top = 0;
	w->start = PATH_LEN_MAX;
	w->flags = 0;
	for (int i = 0; i < PATH_STEPS; i++) {
		if (!extract__path_step(slot))
			return;
	}
	w->flags |= FLAG_PATH_TRUNCATED;
}

/* Goes on from where the last walk left its first mount, up to the root of the file system, whatever is mounted where.
 * Most mounts show all of their file system, and nothing is walked. */
INLINE void extract__hidden(struct scratch *s, __u32 slot)
{
	struct path_walk *w = &s->walk;
	struct dentry *top = (void *)w->top;

	w->start = PATH_LEN_MAX;
	w->flags = 0;
	if (!top || READ(top, d_parent) == top)
		return;
	w->dentry = w->top;
	w->vfsmount = w->mnt_root = w->root_dentry = w->root_vfsmount = 0;
	for (int i = 0; i < PATH_STEPS; i++) {
		if (!extract__path_step(slot))
			return;
	}
	w->flags |= FLAG_PATH_TRUNCATED;
}

/* The dentry of a memfd carries its name behind this prefix (mm/memfd.c). */
INLINE bool extract__is_memfd(struct dentry *dentry)
{
	char prefix[8] = {};

	if (READ(dentry, d_parent) != dentry)
		return false;
	bpf_probe_read_kernel(prefix, 6, READ(dentry, d_name.name));
	return prefix[0] == 'm' && prefix[1] == 'e' && prefix[2] == 'm' && prefix[3] == 'f' && prefix[4] == 'd' &&
	       prefix[5] == ':';
}

#endif
