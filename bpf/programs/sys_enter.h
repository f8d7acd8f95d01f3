/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#include "programs/syscall.h"

/*
 * The begin of a call: keeps its path string, if a rule may be about a failure of it.
 *
 * void sys_enter(struct pt_regs *regs, long id)
 */
SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs *regs, long id)
{
	struct open_args args = {};
	bool compat = false;
	enum call call = syscall__call(regs, &compat);

	if (call == CALL_NONE || call == CALL_CANARY)
		return 0;
	if (call == CALL_EXECVE || call == CALL_EXECVEAT) {
		args.path = exec__path(regs, call, compat, &args.dirfd);
	} else {
		open__args(regs, call, compat, &args);
		if (!args.unread && !(open__outcomes(call, args.flags) & OPEN_FAILURES))
			return 0;
	}
	if (args.path)
		store__entry(args.path);
	return 0;
}
