/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#include "programs/exec_failed.h"

/*
 * Every system call of every task passes here on its way out; nearly all leave at the first test. Attached only if a
 * loaded rule needs one of the calls. Plain calls, not tail calls: a tail call's table could be emptied from outside.
 *
 * void sys_exit(struct pt_regs *regs, long ret)
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
	__u32 nr = extract__syscall_nr(regs);
	struct scratch *s;
	bool compat;
	__u32 call;
	__u64 args;

#if defined(__TARGET_ARCH_x86)
	nr &= ~X32_SYSCALL_BIT; /* x32 shares the numbers of these calls */
#endif
	if (nr >= SYSCALLS_MAX || !(calls_native[nr] | calls_compat[nr]))
		return 0;
	compat = extract__is_compat((void *)bpf_get_current_task());
	call = compat ? calls_compat[nr] : calls_native[nr];
	if (call == CALL_NONE || bpf_get_current_pid_tgid() >> 32 == own_tgid)
		return 0;
	s = base__scratch();
	if (!s)
		return 0;
	args = base__number(s, regs);
	if (call == CALL_EXECVE || call == CALL_EXECVEAT) {
		if (ret < 0)
			exec_failed__record(args, ret, call, compat);
		return 0; /* sched_process_exec saw the successful ones */
	}
	open__record(args, ret, call, compat);
	return 0;
}
