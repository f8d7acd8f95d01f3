/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The sensor makes a canary every few seconds, and has to find its record in the ring. One kind comes by the
 * system-call hook, like the calls of others; the other one is put into the critical ring by the program below.
 */
#ifndef SAKER_CANARY_H
#define SAKER_CANARY_H

#include "helpers/store/record.h"

INLINE void canary__record(enum ring ring, __u64 number)
{
	struct scratch *s = base__scratch();
	struct canary_record *r;

	if (!s)
		return;
	r = (void *)s->record;
	store__begin(RECORD_CANARY);
	r->number = number;
	store__submit(s, ring, sizeof(*r));
}

/* A call of the sensor's own: the only one that is recorded is open_by_handle_at(CANARY_DIRFD, NULL, number). */
GLOBAL int canary__call(__u64 regs_ptr)
{
	struct pt_regs *regs = (void *)regs_ptr;

	if ((__u32)extract__syscall_arg(regs, 0, false) == CANARY_DIRFD)
		canary__record(RING_BULK, extract__syscall_arg(regs, 2, false));
	return 0;
}

/* Run by the sensor (BPF_PROG_RUN), with the number as its argument. */
SEC("raw_tp/canary")
int canary(struct bpf_raw_tracepoint_args *ctx)
{
	canary__record(RING_CRITICAL, ctx->args[0]);
	return 0;
}

#endif
