/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#include "programs/call.h"

/* Codes of struct siginfo that say that no process sent the signal (asm-generic/siginfo.h). */
#define SI_TIMER -2
#define SI_ASYNCIO -4
#define SI_SIGIO -5
#define SI_ASYNCNL -60
#define SIGCHLD 17

/* The process that sent a signal, by its number in the receiver's pid namespace; 0 if none did. A child's end counts as sent by it. */
INLINE __u32 signal_deliver__sender(int sig, struct kernel_siginfo *info)
{
	__s32 code;

	if (!info)
		return 0;
	code = READ(info, si_code);
	if (sig != SIGCHLD &&
	    (code > 0 || code == SI_TIMER || code == SI_ASYNCIO || code == SI_SIGIO || code == SI_ASYNCNL))
		return 0;
	return READ(info, _sifields._kill._pid); /* of all that is left it stands at the same place */
}

/*
 * A signal that the current thread takes: it runs its handler, ends or stops.
 *
 * void signal_deliver(int sig, struct kernel_siginfo *info, struct k_sigaction *ka)
 */
SEC("tp_btf/signal_deliver")
int BPF_PROG(signal_deliver, int sig, struct kernel_siginfo *info)
{
	struct scratch *s = base__scratch();
	__u64 task = bpf_get_current_pid_tgid();
	struct call_args *c;

	if (!s || task >> 32 == own_tgid)
		return 0;
	info = (void *)base__number(s, info);
	c = &s->call;
	c->arg[0] = signal_deliver__sender(sig, info);
	c->arg[1] = (__u32)task;
	c->arg[2] = sig;
	c->arg[ARG_RESULT] = 0;
	c->row = signal_row;
	c->nr = c->flags = c->narrow = 0;
	c->ring = 0;
	call__record();
	return 0;
}
