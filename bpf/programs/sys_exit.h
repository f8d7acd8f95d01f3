/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#include "programs/canary.h"
#include "programs/syscall.h"

/*
 * The end of a call, with its result.
 *
 * void sys_exit(struct pt_regs *regs, long ret)
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
	struct syscall_entry e = {};
	__u32 call = syscall__call(regs, &e);
	struct scratch *s;

	if (call == CALL_NONE)
		return 0;
	s = base__scratch();
	if (!s)
		return 0;
	if (extract__is_other_exec(regs, ret, e.compat))
		call = CALL_EXECVE;
	if (call == CALL_CANARY)
		return canary__call(base__number(s, regs));
	syscall__args(s, regs, &e, call);
	if (call >= CALL_SOCKETCALL) {
		if (call < CALL_ROWS && !inner__resolve(call))
			return 0;
		s->call.arg[ARG_RESULT] = e.compat ? (__s32)ret : ret;
		call__record();
	} else if (call != CALL_EXECVE && call != CALL_EXECVEAT) {
		open__record(ret, call, e.compat);
	} else if (ret < 0) {
		exec_failed__record(ret, call, e.compat); /* sched_process_exec saw the successful ones */
	}
	if (entry_copies_on)
		store__entry_end();
	return 0;
}
