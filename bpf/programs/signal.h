/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#include "helpers/store/record.h"

/* The signals that end or stop the sensor: INT to KILL, SEGV, TERM, STKFLT, STOP to TTOU, SYS. By HUP it reloads. */
#define FATAL_SIGNALS (0x3fcULL | 1ULL << 11 | 3ULL << 15 | 0xfULL << 19 | 1ULL << 31)
#define SIGSTOP 19

/*
 * A signal for the sensor from another process. The kernel's own (SEND_SIG_PRIV, or a positive si_code) are nobody's,
 * but for the SIGSTOP that lets a debugger attach (ptrace_attach, kernel/ptrace.c). None of the others comes from an
 * interrupt, where the scratch buffer may be in use.
 *
 * void signal_generate(int sig, struct kernel_siginfo *info, struct task_struct *task, int group, int result)
 */
SEC("tp_btf/signal_generate")
int BPF_PROG(signal_generate, int sig, struct kernel_siginfo *info, struct task_struct *target)
{
	__u32 origin = SIGNAL_SENT;
	struct signal_record *r;
	struct scratch *s;
	__u64 from;

	if (READ(target, tgid) != own_tgid || bpf_get_current_pid_tgid() >> 32 == own_tgid)
		return 0;
	if (sig < 0 || sig > 63 || !(FATAL_SIGNALS >> sig & 1))
		return 0;
	s = base__scratch();
	if (!s)
		return 0;
	from = base__number(s, info);
	if (from == SEND_SIG_PRIV) {
		if (sig != SIGSTOP)
			return 0;
		origin = SIGNAL_PTRACE;
	} else if (from != SEND_SIG_NOINFO && READ((struct kernel_siginfo *)from, si_code) > 0) {
		return 0;
	}
	r = (void *)s->record;
	store__header(&r->h, (void *)bpf_get_current_task(), RECORD_SIGNAL);
	r->number = sig;
	r->origin = origin;
	store__submit(s, RING_CRITICAL, sizeof(*r));
	return 0;
}
