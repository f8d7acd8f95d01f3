/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * A request of a ring as the call that it is the equivalent of. Where it has the arguments says the table of operations
 * (internal/call); paths are the kernel's own copies by now.
 */
#ifndef SAKER_IO_URING_CALL_H
#define SAKER_IO_URING_CALL_H

#include "programs/call.h"
#include "helpers/extract/io_uring.h"

INLINE const volatile struct uring_operation *uring__operation(__u32 opcode)
{
	BARRIER_VAR(opcode);
	return &uring_operations[opcode & (URING_OPERATIONS - 1)];
}

/* The event of a request, if a rule may be about it. */
INLINE __u32 uring__call(struct io_kiocb *req)
{
	__u32 opcode = READ(req, opcode);

	return opcode < URING_OPERATIONS ? uring__operation(opcode)->call : CALL_NONE;
}

/* One argument of a request. */
GLOBAL __u64 uring__arg(__u64 req_ptr, __u32 opcode, __u32 index)
{
	const volatile struct uring_operation *o = uring__operation(opcode);
	struct io_kiocb *req = (void *)req_ptr;
	struct scratch *s = base__scratch();
	__u32 size, source, offset;
	__u64 at = req_ptr;
	__u64 number = 0;

	BARRIER_VAR(index);
	if (!s || index >= URING_ARGS)
		return 0;
	size = o->arg[index].size;
	source = o->arg[index].source;
	offset = o->arg[index].offset;
	if (source == URING_NOTHING)
		return 0;
	if (source == URING_ASYNC) {
		at = base__number(s, READ(req, async_data));
		if (!at)
			return 0;
	}
	at += offset;
	BARRIER_VAR(size);
	if (size > sizeof(number) || bpf_probe_read_kernel(&number, size, (void *)at))
		return 0;
	if (source == URING_NAME && number)
		number = base__number(s, READ((struct filename *)number, name));
	return number;
}

/* Puts the request into scratch.call, its arguments in the order of the call that it stands for. */
GLOBAL int uring__request(__u64 req_ptr, __u32 opcode)
{
	const volatile struct uring_operation *o = uring__operation(opcode);
	struct io_kiocb *req = (void *)req_ptr;
	struct scratch *s = base__scratch();
	struct io_ring_ctx *ctx;
	struct call_args *c;
	__u32 fd = o->fd;

	if (!s)
		return 0;
	c = &s->call;
	__builtin_memset(c, 0, sizeof(*c));
	for (__u32 i = 0; i < 6; i++)
		c->arg[i] = uring__arg(req_ptr, opcode, i);
	c->slot = uring__arg(req_ptr, opcode, URING_ARGS - 1);
	c->arg[ARG_CWD] = AT_FDCWD;
	c->row = o->call - CALL_ROWS;
	c->nr = o->nr;
	c->flags = FLAG_IO_URING | FLAG_NO_RESULT;
	c->rules = o->call < CALL_ROWS ? o->rules | URING_OPENS : o->rules;
	c->file_arg = ARG_NONE;
	for (__u32 i = 0; i < 6; i++)
		c->kernel_address |= o->arg[i].source == URING_ASYNC;
	ctx = READ(req, ctx);
	c->ring = (__u64)ctx;
	c->narrow = BPF_CORE_READ_BITFIELD_PROBED(ctx, compat);
	if (fd != ARG_NONE) {
		BARRIER_VAR(fd);
		fd &= ARGS_MAX - 1;
		c->arg[fd] = bpf_core_field_exists(req->cqe.fd) ? READ(req, cqe.fd) : -1;
		c->file_arg = fd;
		if (!bpf_core_field_exists(req->cqe.fd))
			c->file = (__u64)READ(req, file);
		else if (READ(req, flags) & IOSQE_FIXED_FILE)
			c->file = (__u64)extract__fixed_file(ctx, c->arg[fd] + 1, 0);
	} else if (c->slot) {
		/* A file of the ring's own table that is closed. */
		c->file_arg = 0;
		c->file = (__u64)extract__fixed_file(ctx, c->slot, 0);
	}
	return 0;
}

/* Puts a request that was asked for before back into scratch.call, and its answer. The address is that of its struct uring_request;
 * `req` is 0 where the kernel does not say which it is. */
GLOBAL int uring__resume(__u64 request, __u64 req_ptr, __s64 ret)
{
	struct uring_request *kept = (void *)request;
	struct io_kiocb *req = (void *)req_ptr;
	struct scratch *s = base__scratch();
	struct call_args *c;
	__u32 tgid = 0;

	if (!s)
		return 0;
	c = &s->call;
	if (bpf_probe_read_kernel(c, sizeof(*c), &kept->call))
		return 0;
	bpf_probe_read_kernel(&tgid, sizeof(tgid), &((struct record_header *)kept->record)->tgid);
	/* When the process is gone the kernel completes what is left in a thread of its own. */
	c->foreign = tgid != bpf_get_current_pid_tgid() >> 32;
	c->flags &= ~FLAG_NO_RESULT;
	c->arg[ARG_RESULT] = ret;
	c->asked = (__u64)kept->record;
	c->data_at = 0;
	/* Whatever stands at the caller's descriptor by now. */
	if (c->file_arg < ARGS_MAX && !c->slot && req && bpf_core_field_exists(req->cqe))
		c->file = (__u64)READ(req, file);
	return 1;
}

#endif
