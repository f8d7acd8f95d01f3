/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Every system call of every task passes sys_enter and sys_exit; nearly all leave at the first test of syscall__call.
 * The two are attached only if a loaded rule needs them. Plain calls from there, not tail calls: a tail call's table
 * could be emptied from outside.
 */
#ifndef SAKER_SYSCALL_H
#define SAKER_SYSCALL_H

#include "programs/exec_failed.h"
#include "programs/call.h"
#include "programs/inner.h"

/* How a system call came in. */
struct syscall_entry {
	__u32 nr;
	bool compat; /* the 32-bit entry */
	bool narrow; /* the caller's structures have 32-bit longs and pointers */
};

/* The call that the current task makes, if some rule may be about it. Of the sensor's own calls, only the canary's. */
INLINE __u32 syscall__call(struct pt_regs *regs, struct syscall_entry *e)
{
	__u32 nr = extract__syscall_nr(regs);
	__u32 call;

#if defined(__TARGET_ARCH_x86)
	/* x32 shares the numbers below 512; those from there on are its own, for calls with structures of longs. */
	e->narrow = nr & X32_SYSCALL_BIT && (nr & ~X32_SYSCALL_BIT) >= X32_NUMBERS;
	nr &= ~X32_SYSCALL_BIT;
#endif
	if (nr >= SYSCALLS_MAX)
		return CALL_NONE;
	BARRIER_VAR(nr);
	nr &= SYSCALLS_MAX - 1; /* for the verifier, which may have lost the bound */
	if (!(calls_native[nr] | calls_compat[nr]))
		return CALL_NONE;
	e->nr = nr;
	e->compat = extract__is_compat((void *)bpf_get_current_task());
	if (e->compat)
		e->narrow = true;
	call = e->compat ? calls_compat[nr] : calls_native[nr];
	if (call != CALL_NONE && bpf_get_current_pid_tgid() >> 32 == own_tgid)
		return !e->compat && (call == CALL_CANARY || call == CALL_OPEN_BY_HANDLE_AT) ? CALL_CANARY : CALL_NONE;
	return call == CALL_CANARY ? CALL_NONE : call;
}

/* Reads the arguments of a call into scratch.call; a row is of the table's calls alone. */
INLINE void syscall__args(struct scratch *s, struct pt_regs *regs, const struct syscall_entry *e, __u32 call)
{
	struct call_args *c = &s->call;

	for (int i = 0; i < 6; i++)
		c->arg[i] = extract__syscall_arg(regs, i, e->compat);
	c->arg[ARG_CWD] = AT_FDCWD;
	c->row = call - CALL_ROWS;
	c->nr = e->nr;
	c->flags = e->compat ? FLAG_COMPAT : 0;
	c->narrow = e->narrow;
	c->ring = 0;
}

#endif
