/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Requests of a ring that are calls of the table. Each is recorded when it is submitted, without its result: what became of it
 * the ring may tell nobody (IOSQE_CQE_SKIP_SUCCESS), or in a way that does not name the request. A path is the kernel's own copy,
 * which is gone when the request is answered. A socket address is still in the caller's memory here.
 */
#ifndef SAKER_IO_URING_CALL_H
#define SAKER_IO_URING_CALL_H

#include "programs/call.h"
#include "helpers/extract/io_uring.h"

/* The event of a request, if a rule may be about it. */
INLINE __u32 uring__call(struct io_kiocb *req)
{
	__u32 opcode = READ(req, opcode);

	BARRIER_VAR(opcode);
	if (opcode >= URING_OPERATIONS)
		return CALL_NONE;
	return uring_calls[opcode & (URING_OPERATIONS - 1)];
}

/* Where the kernel's copy of a path is. */
#define URING_PATH(type, field) ((__u64)READ((struct type *)req, field, name))
#define URING_NUMBER(type, field) ((__u64)READ((struct type *)req, field))

/* Puts the request into scratch.call, its arguments in the order of the call that it stands for. */
GLOBAL int uring__request(__u64 req_ptr, __u32 call)
{
	struct io_kiocb *req = (void *)req_ptr;
	struct scratch *s = base__scratch();
	struct call_args *c;

	if (!s)
		return 0;
	c = &s->call;
	__builtin_memset(c, 0, sizeof(*c));
	c->arg[ARG_CWD] = AT_FDCWD;
	c->row = call - CALL_ROWS;
	c->flags = FLAG_IO_URING | FLAG_NO_RESULT;
	c->kernel_paths = true;
	switch (READ(req, opcode)) {
	case IORING_OP_CONNECT:
		c->arg[0] = bpf_core_field_exists(req->cqe.fd) ? READ(req, cqe.fd) : -1;
		if (READ(req, flags) & IOSQE_FIXED_FILE)
			c->file = (__u64)extract__fixed_file(READ(req, ctx), c->arg[0] + 1, 0);
		c->arg[1] = URING_NUMBER(io_connect, addr);
		c->arg[2] = URING_NUMBER(io_connect, addr_len);
		c->kernel_paths = false;
		break;
	case IORING_OP_UNLINKAT:
		if (!bpf_core_type_exists(struct io_unlink))
			break;
		c->arg[0] = URING_NUMBER(io_unlink, dfd);
		c->arg[1] = URING_PATH(io_unlink, filename);
		c->arg[2] = URING_NUMBER(io_unlink, flags);
		break;
	case IORING_OP_MKDIRAT:
		if (!bpf_core_type_exists(struct io_mkdir))
			break;
		c->arg[0] = URING_NUMBER(io_mkdir, dfd);
		c->arg[1] = URING_PATH(io_mkdir, filename);
		c->arg[2] = URING_NUMBER(io_mkdir, mode);
		break;
	case IORING_OP_RENAMEAT:
		if (!bpf_core_type_exists(struct io_rename))
			break;
		c->arg[0] = URING_NUMBER(io_rename, old_dfd);
		c->arg[1] = URING_PATH(io_rename, oldpath);
		c->arg[2] = URING_NUMBER(io_rename, new_dfd);
		c->arg[3] = URING_PATH(io_rename, newpath);
		c->arg[4] = URING_NUMBER(io_rename, flags);
		break;
	case IORING_OP_LINKAT:
		if (!bpf_core_type_exists(struct io_link))
			break;
		c->arg[0] = URING_NUMBER(io_link, old_dfd);
		c->arg[1] = URING_PATH(io_link, oldpath);
		c->arg[2] = URING_NUMBER(io_link, new_dfd);
		c->arg[3] = URING_PATH(io_link, newpath);
		c->arg[4] = URING_NUMBER(io_link, flags);
		break;
	case IORING_OP_SYMLINKAT:
		if (!bpf_core_type_exists(struct io_link))
			break;
		c->arg[0] = URING_PATH(io_link, oldpath);
		c->arg[1] = URING_NUMBER(io_link, new_dfd);
		c->arg[2] = URING_PATH(io_link, newpath);
		break;
	}
	return 0;
}

#endif
