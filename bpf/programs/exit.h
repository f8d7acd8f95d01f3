/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#include "helpers/store/record.h"

/*
 * The end of a process: of its last thread, whichever that is.
 *
 * void sched_process_exit(struct task_struct *p)
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct *task)
{
	struct signal_struct *signal = READ(task, signal);
	struct scratch *s;
	struct exit_record *r;
	__u32 code;

	/* do_exit counts the thread out before it comes here. */
	if (READ(signal, live.counter) != 0)
		return 0;
	s = base__scratch();
	if (!s || READ(task, tgid) == own_tgid)
		return 0;
	r = (void *)s->record;
	store__header(&r->h, task, RECORD_EXIT);
	code = READ(signal, group_exit_code);
	r->code = code ? code : READ(task, exit_code);
	r->pad = 0;
	store__submit(s, RING_CRITICAL, sizeof(*r));
	return 0;
}
