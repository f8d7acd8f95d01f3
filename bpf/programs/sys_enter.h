/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The begin of a call keeps its path strings, if a rule may be about a call that has them in the caller's memory alone, or the
 * descriptor that it closes. Where every call comes in by the native entry, enter_call is on the tracepoints of the calls that keep
 * something, and the others pay nothing; these tracepoints leave out 32-bit callers, so elsewhere sys_enter is on the one of all calls.
 */
#include "programs/syscall.h"

/* Keeps what the call in scratch.call needs at its end. */
INLINE void enter__keep(struct scratch *s, __u32 call)
{
	const volatile struct call_recipe *recipe;
	__u64 first, second = 0;
	__s32 dirfd;

	if (call >= CALL_ROWS) {
		recipe = &recipes[(call - CALL_ROWS) & (CALL_ROWS_MAX - 1)];
		if (recipe->descriptor != ARG_NONE)
			param__keep(s->call.arg[recipe->descriptor & (ARGS_MAX - 1)]);
		if (recipe->paths[0] == ARG_NONE)
			return;
		first = s->call.arg[recipe->paths[0] & (ARGS_MAX - 1)];
		if (recipe->paths[1] != ARG_NONE)
			second = s->call.arg[recipe->paths[1] & (ARGS_MAX - 1)];
	} else if (call == CALL_EXECVE || call == CALL_EXECVEAT) {
		first = exec__path(&s->call, call, &dirfd);
	} else {
		open__args(call);
		if (!s->open.unread && !open__failure_mask(call, s->open.flags))
			return;
		first = s->open.path;
	}
	if (first)
		store__entry(first, second);
}

/*
 * Every call of every process.
 *
 * void sys_enter(struct pt_regs *regs, long id)
 */
SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs *regs, long id)
{
	struct scratch *s = base__scratch();
	struct syscall_entry e = {};
	__u32 call = syscall__call(regs, &e);

	if (!s || call == CALL_NONE || call == CALL_CANARY || call == CALL_SOCKETCALL || call == CALL_IPC)
		return 0;
	syscall__args(s, regs, &e, call);
	enter__keep(s, call);
	return 0;
}

/* What a tracepoint of one call gives: /sys/kernel/tracing/events/syscalls/sys_enter_X/format, of which a call may have fewer arguments. */
struct enter_context {
	__u64 common;
	__u64 nr;
	__u64 arg[6];
};

/* A call by the native entry whose tracepoint this is. The arguments are copied: the kernel would let no program that reads six of them
 * itself be on the tracepoint of a call with fewer. */
SEC("tracepoint")
int enter_call(void *context)
{
	struct scratch *s = base__scratch();
	struct enter_context c;
	__u32 call, nr;

	if (!s || bpf_get_current_pid_tgid() >> 32 == own_tgid || bpf_probe_read_kernel(&c, sizeof(c), context))
		return 0;
	nr = c.nr;
	if (nr >= SYSCALLS_MAX)
		return 0;
	BARRIER_VAR(nr);
	call = calls_native[nr & (SYSCALLS_MAX - 1)];
	if (call == CALL_NONE || call == CALL_CANARY)
		return 0;
	__builtin_memcpy(s->call.arg, c.arg, sizeof(c.arg));
	enter__keep(s, call);
	return 0;
}
