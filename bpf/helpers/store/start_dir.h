/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#ifndef SAKER_STORE_START_DIR_H
#define SAKER_STORE_START_DIR_H

#include "helpers/store/record.h"

/* The directory that a relative path starts from, at `off`, whatever became of the call. Returns what store__walk does, and sets
 * `mode` to the i_mode of what a descriptor stands for. */
INLINE __u64 store__start_dir_at(struct scratch *s, __u32 off, struct task_struct *task, __s32 dirfd, __u32 *mode)
{
	struct fs_struct *fs;
	struct path *path;
	struct file *dir;

	if (dirfd == AT_FDCWD) {
		fs = READ(task, fs);
		path = __builtin_preserve_access_index(&fs->pwd);
	} else {
		dir = extract__file(task, dirfd);
		if (!dir)
			return 0;
		*mode = READ(dir, f_inode, i_mode);
		path = __builtin_preserve_access_index(&dir->f_path);
	}
	s->task = (__u64)task;
	s->object = (__u64)path;
	return store__path_at(bpf_get_smp_processor_id(), off);
}

#endif
