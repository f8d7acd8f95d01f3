/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Every system call of every task passes sys_enter and sys_exit; nearly all leave at the first test of syscall__call.
 * The two are attached only if a loaded rule needs them. Plain calls from there, not tail calls: a tail call's table
 * could be emptied from outside.
 */
#ifndef SAKER_SYSCALL_H
#define SAKER_SYSCALL_H

#include "programs/exec_failed.h"

/* The call that the current task makes, if some rule may be about it. Of the sensor's own calls, only the canary's. */
INLINE enum call syscall__call(struct pt_regs *regs, bool *compat)
{
	__u32 nr = extract__syscall_nr(regs);
	__u32 call;

#if defined(__TARGET_ARCH_x86)
	nr &= ~X32_SYSCALL_BIT; /* x32 shares the numbers of these calls */
#endif
	if (nr >= SYSCALLS_MAX || !(calls_native[nr] | calls_compat[nr]))
		return CALL_NONE;
	*compat = extract__is_compat((void *)bpf_get_current_task());
	call = *compat ? calls_compat[nr] : calls_native[nr];
	if (call != CALL_NONE && bpf_get_current_pid_tgid() >> 32 == own_tgid)
		return !*compat && (call == CALL_CANARY || call == CALL_OPEN_BY_HANDLE_AT) ? CALL_CANARY : CALL_NONE;
	return call == CALL_CANARY ? CALL_NONE : call;
}

#endif
