/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What a request of io_uring holds. Its layout differs by version: see the comments in kernel.h. */
#ifndef SAKER_EXTRACT_IO_URING_H
#define SAKER_EXTRACT_IO_URING_H

#include "helpers/base/base.h"

INLINE __u64 extract__user_data(struct io_kiocb *req)
{
	if (bpf_core_field_exists(req->cqe))
		return READ(req, cqe.user_data);
	return READ(req, user_data);
}

/* The low bits of a fixed file's pointer are flags (FFS_MASK, io_uring/filetable.h). */
#define FILE_PTR_MASK (~7UL)

/* The open file in a ring's own table: at the slot that was asked for, from 1, or where the kernel chose to put it, which
 * is the result then. */
INLINE struct file *extract__fixed_file(struct io_ring_ctx *ctx, __u32 file_slot, __s64 ret)
{
	__u32 index = file_slot == IORING_FILE_INDEX_ALLOC ? ret : file_slot - 1;
	struct io_rsrc_node **nodes, *node = NULL;
	struct io_fixed_file *files;

	if (bpf_core_field_exists(ctx->file_table.data)) {
		if (index >= READ(ctx, file_table.data.nr))
			return NULL;
		nodes = READ(ctx, file_table.data.nodes);
		bpf_probe_read_kernel(&node, sizeof(node), nodes + index);
		return node ? (void *)(READ(node, file_ptr) & FILE_PTR_MASK) : NULL;
	}
	files = READ(ctx, file_table.files);
	if (!files)
		return NULL;
	files = (void *)files + index * bpf_core_type_size(struct io_fixed_file);
	return (void *)(READ(files, file_ptr) & FILE_PTR_MASK);
}

#endif
