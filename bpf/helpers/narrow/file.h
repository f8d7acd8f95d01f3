/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Which rules may match an open by the names of its file: the one that the caller gave, the kernel's own, and, where a file may have
 * more of them (a hard link, a part of a file system that is mounted elsewhere, a root directory of the process's own), all.
 */
#ifndef SAKER_NARROW_FILE_H
#define SAKER_NARROW_FILE_H

#include "helpers/extract/syscall.h"
#include "helpers/extract/path.h"
#include "helpers/store/record.h"
#include "helpers/narrow/name.h"
#include "helpers/narrow/process.h"

enum name_step { NAME_STEP_FAILED, NAME_STEP_ON, NAME_STEP_DONE };

/* Hashes the name of a dentry and puts it before the others. */
INLINE bool narrow__step_name(struct scratch *s, __u32 slot, struct dentry *dentry)
{
	struct name_scan *n = &s->name;
	__u32 len = READ(dentry, d_name.len), first = n->first, given;
	__u64 hash;

	BARRIER_VAR(len);
	if (!len || len > NAME_COMPONENT_LEN || !first)
		return false;
	if (bpf_probe_read_kernel(n->text, len, READ(dentry, d_name.name)))
		return false;
	*(__u64 *)&n->text[len] = 0;
	hash = narrow__component(slot, len);
	n->head = *(__u32 *)n->text & 0xffffff;
	if (first == NAME_COMPONENTS)
		n->tail = len < 4 ? 0 : *(__u32 *)&n->text[len - 4];
	n->first = --first;
	n->component[first & (NAME_COMPONENTS - 1)] = hash;
	given = n->given_count - (NAME_COMPONENTS - first);
	if (given < n->given_count && narrow__at(n, NAME_GIVEN, given) != hash)
		n->differs = true;
	return true;
}

/* Notes where the walk leaves the mount that it began in; false if that does not show the whole file system. */
INLINE bool narrow__leave_mount(struct name_scan *n, struct dentry *dentry)
{
	if (n->crossed)
		return true;
	n->crossed = true;
	n->below = NAME_COMPONENTS - n->first;
	return READ(dentry, d_parent) == dentry;
}

/* Goes one dentry or mount up. A function of its own, so that it is verified once and not for every step; so its state is in
 * scratch.walk. */
GLOBAL enum name_step narrow__step(__u32 slot)
{
	struct scratch *s = base__scratch_at(slot);
	struct dentry *dentry, *parent;
	struct mount *mount, *up;
	struct path_walk *w;
	struct name_scan *n;
	__u32 changes;

	if (!s)
		return NAME_STEP_FAILED;
	w = &s->walk;
	n = &s->name;
	if (NAME_COMPONENTS - n->first == n->given_count && !n->start_dentry) {
		n->start_dentry = w->dentry;
		n->start_vfsmount = w->vfsmount;
	}
	dentry = (void *)w->dentry;
	if (w->dentry == w->root_dentry && w->vfsmount == w->root_vfsmount)
		return narrow__leave_mount(n, dentry) ? NAME_STEP_DONE : NAME_STEP_FAILED;
	if (w->dentry == w->mnt_root) {
		if (!narrow__leave_mount(n, dentry))
			return NAME_STEP_FAILED;
		mount = extract__real_mount((void *)w->vfsmount);
		up = READ(mount, mnt_parent);
		if (up == mount || !up)
			return NAME_STEP_FAILED;
		w->dentry = (__u64)READ(mount, mnt_mountpoint);
		w->vfsmount = (__u64)up + bpf_core_field_offset(struct mount, mnt);
		w->mnt_root = (__u64)READ(up, mnt.mnt_root);
		return NAME_STEP_ON;
	}
	parent = READ(dentry, d_parent);
	if (parent == dentry || !parent)
		return NAME_STEP_FAILED;
	changes = extract__changes(dentry);
	if (!narrow__step_name(s, slot, dentry))
		return NAME_STEP_FAILED;
	if (changes & 1 || changes != extract__changes(dentry) || parent != READ(dentry, d_parent))
		return NAME_STEP_FAILED; /* it is being renamed */
	w->dentry = (__u64)parent;
	return NAME_STEP_ON;
}

/* Hashes the components of the slot's object, a struct path, as the current task would name it. Returns 0 if that can't be, or the file
 * may have other names. */
GLOBAL int narrow__walk(__u32 slot)
{
	struct fs_struct *fs = READ((struct task_struct *)bpf_get_current_task(), fs);
	struct scratch *s = base__scratch_at(slot);
	enum name_step step;
	struct path_walk *w;
	struct name_scan *n;
	struct path *path;

	if (!s || !fs)
		return 0;
	n = &s->name;
	w = &s->walk;
	path = (void *)s->object;
	w->dentry = (__u64)READ(path, dentry);
	w->vfsmount = (__u64)READ(path, mnt);
	w->mnt_root = (__u64)READ(path, mnt, mnt_root);
	w->root_dentry = (__u64)READ(fs, root.dentry);
	w->root_vfsmount = (__u64)READ(fs, root.mnt);
	n->first = NAME_COMPONENTS;
	n->below = n->head = n->tail = n->crossed = n->differs = 0;
	n->start_dentry = n->start_vfsmount = 0;
	for (int i = 0; i < NAME_COMPONENTS + 8; i++) {
		step = narrow__step(slot);
		if (step != NAME_STEP_ON)
			return step == NAME_STEP_DONE;
	}
	return 0;
}

/* The slot of a device. */
INLINE struct mount_point *narrow__mount_slot(__u32 dev, __u32 probe)
{
	__u32 slot = ((__u32)(narrow__hash(HASH_START, dev) >> 32) + probe) & (MOUNT_POINTS - 1);

	return bpf_map_lookup_elem(&mount_points, &slot);
}

/* The hash of the point where the host has a device mounted: 0 if that is not known, or is not all of it, HASH_NONE if it has it
 * nowhere. */
GLOBAL __u64 narrow__mount_point(__u32 dev)
{
	struct mount_point *m;
	__u32 state;
	__u64 hash;

	for (__u32 i = 0; i < MOUNT_PROBES; i++) {
		m = narrow__mount_slot(dev, i);
		if (!m)
			return 0;
		/* Whoever writes the slot takes its state away first and puts it back last. */
		if (*(volatile __u32 *)&m->state == MOUNT_AMBIGUOUS)
			return 0;
		hash = *(volatile __u64 *)&m->hash;
		if (*(volatile __u32 *)&m->dev != dev)
			hash = HASH_NONE;
		state = *(volatile __u32 *)&m->state;
		if (state == MOUNT_AMBIGUOUS)
			return 0;
		if (state == MOUNT_FREE)
			return HASH_NONE;
		if (hash != HASH_NONE)
			return hash;
	}
	return HASH_NONE;
}

/* Tells whether the host has no other name for a file of this device than the one in scratch.name, as its mounts are known. The
 * files of a container's own root, an overlay, are named from there, wherever the host may have mounted it too. */
INLINE bool narrow__named_as_on_host(struct scratch *s, __u32 dev, bool overlay)
{
	__u64 hash;

	if (overlay && s->verdict_flags & VERDICT_CONTAINER)
		return s->name.point == HASH_START;
	hash = narrow__mount_point(dev);
	if (hash == HASH_NONE)
		return !overlay || s->name.point == HASH_START;
	return s->name.point == hash;
}

/* Notes the directory that the caller's text starts from; false if there is none. */
INLINE bool narrow__start(struct scratch *s, struct fs_struct *fs, __s32 dirfd)
{
	struct path *start;
	struct file *dir;

	if (s->path[NAME_TEXT] == '/') {
		start = __builtin_preserve_access_index(&fs->root);
	} else if (dirfd == AT_FDCWD) {
		start = __builtin_preserve_access_index(&fs->pwd);
	} else {
		dir = extract__file((void *)bpf_get_current_task(), dirfd);
		if (!dir)
			return false;
		start = __builtin_preserve_access_index(&dir->f_path);
	}
	s->name.given_dentry = (__u64)READ(start, dentry);
	s->name.given_vfsmount = (__u64)READ(start, mnt);
	return true;
}

/* The rules that may match an open of this file by its names. `text` is the caller's path, or 0 if there is none. */
GLOBAL __u64 narrow__opened(__u64 file_ptr, __u64 text, __s32 dirfd)
{
	struct fs_struct *fs = READ((struct task_struct *)bpf_get_current_task(), fs);
	struct file *file = (void *)file_ptr;
	__u32 slot = bpf_get_smp_processor_id();
	struct scratch *s = base__scratch_at(slot);
	struct inode *inode = READ(file, f_inode);
	struct super_block *sb = READ(inode, i_sb);
	__u64 mask;
	long len;

	if (!s || !fs)
		return ALL_RULES;
	if (READ(inode, i_nlink) > 1 && (READ(inode, i_mode) & S_IFMT) == S_IFREG)
		return ALL_RULES;
	s->name.given_count = 0;
	if (text) {
		len = bpf_probe_read_user_str(&s->path[NAME_TEXT], NAME_TEXT_MAX + 1, (void *)text);
		if (len < 2 || len > NAME_TEXT_MAX)
			return ALL_RULES;
		if (!narrow__start(s, fs, dirfd) || !narrow__given(slot, len - 1))
			return ALL_RULES;
	}
	s->object = (__u64)__builtin_preserve_access_index(&file->f_path);
	if (!narrow__walk(slot))
		return ALL_RULES;
	mask = narrow__name(slot, NAME_KERNEL, s->name.first, NAME_COMPONENTS);
	if (!narrow__named_as_on_host(s, READ(sb, s_dev), READ(sb, s_magic) == OVERLAYFS_SUPER_MAGIC))
		return ALL_RULES;
	/* With the same components, from where it starts, the text names the file as the kernel does. */
	if (!text || (!s->name.differs && s->name.start_dentry == s->name.given_dentry &&
	              s->name.start_vfsmount == s->name.given_vfsmount))
		return mask;
	if (s->path[NAME_TEXT] != '/')
		return ALL_RULES;
	return mask | narrow__name(slot, NAME_GIVEN, 0, s->name.given_count);
}

/* The rules that may match an open that failed, by the caller's text, `len` bytes at `off` of the record. */
GLOBAL __u64 narrow__not_opened(__u32 off, __u32 len)
{
	__u32 slot = bpf_get_smp_processor_id();
	struct scratch *s = base__scratch_at(slot);

	if (!s || !len)
		return ALL_RULES;
	BARRIER_VAR(len);
	if (len > NAME_TEXT_MAX || bpf_probe_read_kernel(&s->path[NAME_TEXT], len, store__at(s, off)))
		return ALL_RULES;
	if (s->path[NAME_TEXT] != '/' || !narrow__given(slot, len))
		return ALL_RULES;
	return narrow__name(slot, NAME_GIVEN, 0, s->name.given_count);
}

#endif
