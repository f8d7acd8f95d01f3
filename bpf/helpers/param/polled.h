/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#ifndef SAKER_PARAM_POLLED_H
#define SAKER_PARAM_POLLED_H

#include "helpers/param/bytes.h"
#include "helpers/store/open_file.h"

/* What the descriptor of the struct pollfd at `fd_at` leads to, at `off`, and how much that is, at `head_at`; returns its length. Where the
 * record is half full, later ones are cut. */
GLOBAL __u32 param__polled_one(__u32 fd_at, __u32 head_at, __u32 off)
{
	struct scratch *s = base__scratch();
	struct polled *head;
	struct file *file;
	__u64 stored = 0;
	__s32 fd;

	if (!s)
		return 0;
	fd = *(__s32 *)store__at(s, fd_at);
	file = extract__file((void *)bpf_get_current_task(), fd);
	if (file && off > RECORD_LEN_MAX / 2)
		stored = (__u64)PARAM_TRUNCATED << 32;
	else if (file)
		stored = store__open_file(s, off, file);
	head = store__at(s, head_at);
	head->len = stored;
	head->flags = stored >> 32;
	return stored;
}

/* SOURCE_POLLED. */
GLOBAL __u32 param__polled(__u32 index, __u32 off)
{
	__u32 len = param__bytes(index, off), n = len / sizeof(struct polled), end = off + 2 * len;

	for (__u32 i = 0; i < POLLED_MAX; i++) {
		if (i >= n)
			break;
		end += param__polled_one(off + i * sizeof(struct polled), off + len + i * sizeof(struct polled), end);
	}
	return end - off;
}

#endif
