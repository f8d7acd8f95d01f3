/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * i386 has two system calls that stand for many: socketcall, for those on sockets, and ipc, for System V's semaphores, messages
 * and shared memory (net/socket.c and ipc/syscall.c). The first argument says which. Here such a call becomes the one that it
 * stands for.
 */
#ifndef SAKER_INNER_H
#define SAKER_INNER_H

#include "helpers/param/number.h"

/* Puts the inner call in place of the outer one in scratch.call. Returns 0 if no rule is about it. */
GLOBAL int inner__resolve(__u32 outer)
{
	const volatile struct inner_call *inner;
	struct scratch *s = base__scratch();
	__u32 word[INNER_WORDS] = {};
	struct call_args *c;
	__u32 number, size;

	if (!s)
		return 0;
	c = &s->call;
	number = c->arg[0];
	if (outer == CALL_IPC)
		number &= 0xffff; /* above stands the version of the interface */
	if (number >= INNER_CALLS_MAX)
		number = 0;
	if (outer == CALL_IPC)
		number += INNER_CALLS_MAX;
	BARRIER_VAR(number);
	inner = &inner_calls[number & (2 * INNER_CALLS_MAX - 1)];
	if (inner->call < CALL_ROWS)
		return 0;
	if (outer == CALL_SOCKETCALL) {
		size = inner->given * sizeof(__u32);
		BARRIER_VAR(size);
		/* No more than the call reads: what follows may be no memory. Where there is none any more, no argument has a value that
		 * means something. */
		if (size > 6 * sizeof(__u32) || bpf_probe_read_user(word, size, (void *)c->arg[1]))
			__builtin_memset(word, 0xff, 6 * sizeof(__u32));
	} else {
		for (int i = 0; i < 6; i++)
			word[i] = c->arg[i];
		word[INNER_BEHIND_PTR] = param__user_number(c->arg[4], 0, sizeof(__u32));
	}
	for (int i = 0; i < 6; i++)
		c->arg[i] = word[inner->arg[i] & (INNER_WORDS - 1)];
	c->row = inner->call - CALL_ROWS;
	c->nr = inner->nr;
	return 1;
}

#endif
