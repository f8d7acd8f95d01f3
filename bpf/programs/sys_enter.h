/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#include "programs/syscall.h"

/* Keeps the paths of a call of the table, or the descriptor that it closes. */
INLINE void enter__row(struct pt_regs *regs, const struct syscall_entry *e, __u32 call)
{
	const volatile struct call_recipe *recipe = &recipes[(call - CALL_ROWS) & (CALL_ROWS_MAX - 1)];
	__u64 first, second = 0;

	if (recipe->descriptor != ARG_NONE)
		param__keep(extract__syscall_arg(regs, recipe->descriptor, e->compat));
	if (recipe->paths[0] == ARG_NONE)
		return;
	first = extract__syscall_arg(regs, recipe->paths[0], e->compat);
	if (recipe->paths[1] != ARG_NONE)
		second = extract__syscall_arg(regs, recipe->paths[1], e->compat);
	if (first)
		store__entry(first, second);
}

/*
 * The begin of a call: keeps its path strings, if a rule may be about a call that has them in the caller's memory alone.
 *
 * void sys_enter(struct pt_regs *regs, long id)
 */
SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs *regs, long id)
{
	struct scratch *s = base__scratch();
	struct syscall_entry e = {};
	__u32 call = syscall__call(regs, &e);
	__s32 dirfd;
	__u64 path;

	if (!s || call == CALL_NONE || call == CALL_CANARY || call == CALL_SOCKETCALL || call == CALL_IPC)
		return 0;
	if (call >= CALL_ROWS) {
		enter__row(regs, &e, call);
		return 0;
	}
	if (call == CALL_EXECVE || call == CALL_EXECVEAT) {
		path = exec__path(regs, call, e.compat, &dirfd);
	} else {
		open__args(base__number(s, regs), call, e.compat);
		if (!s->open.unread && !open__failure_mask(call, s->open.flags))
			return 0;
		path = s->open.path;
	}
	if (path)
		store__entry(path, 0);
	return 0;
}
