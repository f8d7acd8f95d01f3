/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#ifndef SAKER_STORE_OPEN_FILE_H
#define SAKER_STORE_OPEN_FILE_H

#include "helpers/extract/socket.h"
#include "helpers/store/record.h"

/* The facts of a file that is no socket, and its path, at `off`; of a namespace, instead, the name of its kind. Returns the length of
 * both, and enum param_flags in the high half. */
INLINE __u64 store__file_info(struct scratch *s, __u32 off, struct file *file)
{
	struct file_info *info = store__at(s, off);
	__u32 slot = bpf_get_smp_processor_id();
	struct inode *inode = READ(file, f_inode);
	struct ns_common *ns;
	__u64 walked, flags = PARAM_FILE;

	extract__inode(inode, &info->inode);
	info->magic = READ(inode, i_sb, s_magic);
	info->open_flags = READ(file, f_flags);
	if (info->magic == NSFS_MAGIC) {
		ns = READ(inode, i_private);
		return flags << 32 |
		       (sizeof(*info) + store__kernel_string(s, off + sizeof(*info), READ(ns, ops, name)));
	}
	s->task = bpf_get_current_task();
	s->object = (__u64)__builtin_preserve_access_index(&file->f_path);
	walked = store__path_at(slot, off + sizeof(*info));
	if (walked >> 32 & FLAG_PATH_TRUNCATED)
		flags |= PARAM_TRUNCATED;
	if (walked >> 32 & FLAG_OUTSIDE_ROOT)
		flags |= PARAM_OUTSIDE_ROOT;
	return flags << 32 | (sizeof(*info) + ((__u32)walked & (2 * PATH_LEN_MAX - 1)));
}

/* What an open file leads to, at `off`: a struct file_info and its path, or a struct socket_info and the name of a unix socket. Returns
 * what store__file_info does. */
INLINE __u64 store__open_file(struct scratch *s, __u32 off, struct file *file)
{
	struct socket *socket = extract__socket(file);

	if (!socket)
		return store__file_info(s, off, file);
	return (__u64)PARAM_SOCKET << 32 | extract__ends(store__at(s, off), file, socket);
}

#endif
