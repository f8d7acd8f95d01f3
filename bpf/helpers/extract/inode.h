/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#ifndef SAKER_EXTRACT_INODE_H
#define SAKER_EXTRACT_INODE_H

#include "helpers/base/base.h"

#define NS 1000000000LL
/* Since 6.13 the top bit of the change time's nanoseconds says that somebody asked for it (I_CTIME_QUERIED, linux/fs.h). */
#define NSEC_MASK 0x7fffffff

/* The layout of the two times changed twice: see the flavours in kernel.h. */
INLINE void extract__inode_times(struct inode *inode, struct inode_info *out)
{
	struct inode___uts *uts = (void *)inode;
	struct inode___ts *ts = (void *)inode;

	if (bpf_core_field_exists(inode->i_ctime_sec))
		out->ctime = READ(inode, i_ctime_sec) * NS + (READ(inode, i_ctime_nsec) & NSEC_MASK);
	else if (bpf_core_field_exists(uts->__i_ctime))
		out->ctime = READ(uts, __i_ctime.tv_sec) * NS + READ(uts, __i_ctime.tv_nsec);
	else
		out->ctime = READ(ts, i_ctime.tv_sec) * NS + READ(ts, i_ctime.tv_nsec);

	if (bpf_core_field_exists(inode->i_mtime_sec))
		out->mtime = READ(inode, i_mtime_sec) * NS + READ(inode, i_mtime_nsec);
	else if (bpf_core_field_exists(uts->__i_mtime))
		out->mtime = READ(uts, __i_mtime.tv_sec) * NS + READ(uts, __i_mtime.tv_nsec);
	else
		out->mtime = READ(ts, i_mtime.tv_sec) * NS + READ(ts, i_mtime.tv_nsec);
}

/* On an overlay, a file that was written since the mount has an upper dentry. It stands right behind the inode in
 * struct ovl_inode (fs/overlayfs/ovl_entry.h), whose BTF is in a module and so out of CO-RE's reach. */
INLINE struct inode *extract__upper(struct inode *inode)
{
	struct dentry *upper = NULL;

	bpf_probe_read_kernel(&upper, sizeof(upper), (void *)inode + bpf_core_type_size(struct inode));
	return upper ? READ(upper, d_inode) : NULL;
}

INLINE void extract__inode(struct inode *inode, struct inode_info *out)
{
	struct super_block *sb = READ(inode, i_sb);
	struct inode *upper = NULL;

	out->ino = READ(inode, i_ino);
	out->dev = READ(sb, s_dev);
	out->mode = READ(inode, i_mode);
	out->nlink = READ(inode, i_nlink);
	out->uid = READ(inode, i_uid.val);
	out->gid = READ(inode, i_gid.val);
	out->layer = LAYER_NONE;
	if (READ(sb, s_magic) == OVERLAYFS_SUPER_MAGIC) {
		upper = extract__upper(inode);
		out->layer = upper ? LAYER_UPPER : LAYER_LOWER;
	}
	/* The overlay's own inode does not hear of the change that copying up is. */
	extract__inode_times(upper ? upper : inode, out);
}

#endif
