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

/* Where a walk from a file up to the process's root has come to. */
struct name_walk {
	struct dentry *dentry, *mnt_root, *root_dentry;
	struct vfsmount *vfsmount, *root_vfsmount;
	__u32 first;  /* of the components in the scan */
	bool crossed; /* into another mount than the file's */
	bool whole;   /* the file's mount shows all of its file system */
};

/* Hashes the name of a dentry and puts it before the others. */
INLINE bool narrow__step_name(struct scratch *s, __u32 slot, struct name_walk *w, struct dentry *dentry)
{
	struct name_scan *n = &s->name;
	__u32 len = READ(dentry, d_name.len);
	__u64 hash;

	BARRIER_VAR(len);
	if (!len || len > NAME_COMPONENT_LEN || !w->first)
		return false;
	if (bpf_probe_read_kernel(n->text, len, READ(dentry, d_name.name)))
		return false;
	*(__u64 *)&n->text[len] = 0;
	hash = narrow__component(slot, len);
	n->head = *(__u32 *)n->text & 0xffffff;
	if (w->first == NAME_COMPONENTS)
		n->tail = len < 4 ? 0 : *(__u32 *)&n->text[len - 4];
	w->first--;
	n->component[w->first & (NAME_COMPONENTS - 1)] = hash;
	return true;
}

/* Hashes the components of the slot's object, a struct path, as the current task would name it. Returns 0 if that can't be, or the file
 * may have other names. */
GLOBAL int narrow__walk(__u32 slot, __u32 given)
{
	struct fs_struct *fs = READ((struct task_struct *)bpf_get_current_task(), fs);
	struct scratch *s = base__scratch_at(slot);
	struct dentry *parent;
	struct mount *mount, *up;
	struct name_scan *n;
	struct path *path;
	struct name_walk w;
	__u32 changes;

	if (!s || !fs)
		return 0;
	n = &s->name;
	path = (void *)s->object;
	w.dentry = READ(path, dentry);
	w.vfsmount = READ(path, mnt);
	w.mnt_root = READ(w.vfsmount, mnt_root);
	w.root_dentry = READ(fs, root.dentry);
	w.root_vfsmount = READ(fs, root.mnt);
	w.first = NAME_COMPONENTS;
	w.crossed = w.whole = false;
	n->below = n->head = n->tail = 0;
	n->start_dentry = n->start_vfsmount = 0;
	for (int i = 0; i < NAME_COMPONENTS + 8; i++) {
		if (NAME_COMPONENTS - w.first == given && !n->start_dentry) {
			n->start_dentry = (__u64)w.dentry;
			n->start_vfsmount = (__u64)w.vfsmount;
		}
		if (w.dentry == w.root_dentry && w.vfsmount == w.root_vfsmount) {
			n->first = w.first;
			if (!w.crossed) {
				n->below = NAME_COMPONENTS - w.first;
				w.whole = READ(w.dentry, d_parent) == w.dentry;
			}
			return w.whole;
		}
		parent = READ(w.dentry, d_parent);
		if (w.dentry == w.mnt_root) {
			if (!w.crossed) {
				w.crossed = true;
				w.whole = parent == w.dentry;
				n->below = NAME_COMPONENTS - w.first;
			}
			mount = extract__real_mount(w.vfsmount);
			up = READ(mount, mnt_parent);
			if (up == mount || !up)
				return 0;
			w.dentry = READ(mount, mnt_mountpoint);
			w.vfsmount = (void *)up + bpf_core_field_offset(struct mount, mnt);
			w.mnt_root = READ(up, mnt.mnt_root);
			continue;
		}
		if (parent == w.dentry || !parent)
			return 0;
		changes = extract__changes(w.dentry);
		if (!narrow__step_name(s, slot, &w, w.dentry))
			return 0;
		if (changes & 1 || changes != extract__changes(w.dentry) || parent != READ(w.dentry, d_parent))
			return 0; /* it is being renamed */
		w.dentry = parent;
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

/* Tells whether the caller's text names the file as the kernel does: with the same components, from where it starts. */
GLOBAL int narrow__given_is_kernels(__u32 slot)
{
	struct scratch *s = base__scratch_at(slot);
	struct name_scan *n;
	__u32 from;

	if (!s)
		return 0;
	n = &s->name;
	if (n->start_dentry != n->given_dentry || n->start_vfsmount != n->given_vfsmount)
		return 0;
	from = NAME_COMPONENTS - n->given_count;
	for (__u32 i = 0; i < NAME_COMPONENTS; i++) {
		if (i >= n->given_count)
			break;
		if (narrow__at(n, NAME_KERNEL, from + i) != narrow__at(n, NAME_GIVEN, i))
			return 0;
	}
	return 1;
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
	if (!narrow__walk(slot, s->name.given_count))
		return ALL_RULES;
	mask = narrow__name(slot, NAME_KERNEL, s->name.first, NAME_COMPONENTS);
	if (!narrow__named_as_on_host(s, READ(sb, s_dev), READ(sb, s_magic) == OVERLAYFS_SUPER_MAGIC))
		return ALL_RULES;
	if (!text || narrow__given_is_kernels(slot))
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
