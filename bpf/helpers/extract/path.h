/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * A path from the kernel's own objects. bpf_d_path is refused in tracepoint programs, so the dentries and mounts are
 * walked here, from the file up to the process's root, as fs/d_path.c does. No lock is taken: a rename of a parent
 * during the walk may show in part.
 */
#ifndef SAKER_EXTRACT_PATH_H
#define SAKER_EXTRACT_PATH_H

#include "helpers/base/base.h"

/* Components and mount crossings together. A deeper path loses its front and is flagged. */
#define PATH_STEPS 200
#define NAME_MASK 0xff

/* A walk's result: the text stands at scratch.path[start .. PATH_LEN_MAX). */
struct path_walk {
	__u32 start;
	__u32 flags; /* enum record_flags */
};

INLINE struct mount *extract__real_mount(struct vfsmount *vfsmount)
{
	return (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
}

/* Puts "/name" before what stands in the buffer; a dentry that is its own root (memfd, pipe) gets no slash. */
INLINE bool extract__prepend_name(struct scratch *s, struct path_walk *w, struct dentry *dentry, bool slash)
{
	struct qstr name = {};
	__u32 len, pos = w->start;

	name.name = BPF_CORE_READ(dentry, d_name.name);
	len = BPF_CORE_READ(dentry, d_name.len) & NAME_MASK;
	if (pos < len + 1 || pos > PATH_LEN_MAX)
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
	w->start = pos;
	return true;
}

INLINE void extract__path(struct scratch *s, struct path_walk *w, struct path *path, struct path *root)
{
	struct dentry *root_dentry = BPF_CORE_READ(root, dentry), *dentry = BPF_CORE_READ(path, dentry), *parent, *mnt_root;
	struct vfsmount *root_vfsmount = BPF_CORE_READ(root, mnt), *vfsmount = BPF_CORE_READ(path, mnt);
	struct mount *mount = extract__real_mount(vfsmount), *mount_parent;

	w->start = PATH_LEN_MAX;
	w->flags = 0;
	mnt_root = BPF_CORE_READ(vfsmount, mnt_root);
	for (int i = 0; i < PATH_STEPS; i++) {
		if (dentry == root_dentry && vfsmount == root_vfsmount)
			goto done;
		if (dentry == mnt_root) {
			mount_parent = BPF_CORE_READ(mount, mnt_parent);
			if (mount_parent == mount || !mount_parent) {
				/* The top of another mount tree than the process's. */
				w->flags |= FLAG_OUTSIDE_ROOT;
				goto done;
			}
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = mount_parent;
			vfsmount = (void *)mount + bpf_core_field_offset(struct mount, mnt);
			mnt_root = BPF_CORE_READ(vfsmount, mnt_root);
			continue;
		}
		parent = BPF_CORE_READ(dentry, d_parent);
		if (parent == dentry || !parent) {
			/* A root that is not mounted there: memfd, pipe, socket, or a detached tree. */
			if (w->start == PATH_LEN_MAX)
				extract__prepend_name(s, w, dentry, false);
			w->flags |= FLAG_OUTSIDE_ROOT;
			return;
		}
		if (!extract__prepend_name(s, w, dentry, true)) {
			w->flags |= FLAG_PATH_TRUNCATED;
			return;
		}
		dentry = parent;
	}
	w->flags |= FLAG_PATH_TRUNCATED;
	return;
done:
	if (w->start == PATH_LEN_MAX) {
		w->start = PATH_LEN_MAX - 1;
		s->path[PATH_LEN_MAX - 1] = '/';
	}
}

/* The dentry of a memfd carries its name behind this prefix (mm/memfd.c). */
INLINE bool extract__is_memfd(struct dentry *dentry)
{
	char prefix[8] = {};

	if (BPF_CORE_READ(dentry, d_parent) != dentry)
		return false;
	bpf_probe_read_kernel(prefix, 6, BPF_CORE_READ(dentry, d_name.name));
	return prefix[0] == 'm' && prefix[1] == 'e' && prefix[2] == 'm' && prefix[3] == 'f' && prefix[4] == 'd' &&
	       prefix[5] == ':';
}

#endif
