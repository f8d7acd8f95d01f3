/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#include "helpers/store/record.h"
#include "helpers/narrow/process.h"

#define SUBREAPERS_MAX 32 /* how far up a subreaper is looked for */

/*
 * Who gets the children of a process whose last thread ends, as find_new_reaper (kernel/exit.c) does: the nearest
 * ancestor that asked for it (PR_SET_CHILD_SUBREAPER), else the first process of the pid namespace. 0: there are no
 * children, or that first process itself ends.
 */
INLINE __u32 exit__reaper(struct task_struct *task, struct signal_struct *signal)
{
	struct list_head *children = __builtin_preserve_access_index(&task->children);
	struct task_struct *init = extract__pidns_init(task);
	struct task_struct *up = task;

	if (READ(task, children.next) == children || !init || READ(init, tgid) == READ(task, tgid))
		return 0;
	if (BPF_CORE_READ_BITFIELD_PROBED(signal, has_child_subreaper)) {
		for (int i = 0; i < SUBREAPERS_MAX; i++) {
			up = READ(up, real_parent);
			if (!up || up == init || extract__level(up) != extract__level(task))
				break;
			signal = READ(up, signal);
			if (BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper))
				return READ(up, tgid);
		}
	}
	return READ(init, tgid);
}

/*
 * Whether the end of this process has been recorded. do_exit counts the thread out (signal->live) before its tracepoint: when threads
 * end side by side, each may find that none is left. The first one here puts the process into the table. A thread without others has
 * nobody beside it, but may have had until a moment ago. Since 6.16 the tracepoint tells (group_dead).
 */
INLINE bool exit__recorded(struct task_struct *task, struct signal_struct *signal)
{
	struct ended_process key = {.start_time = extract__start_time(task), .tgid = READ(task, tgid)};
	__u8 one = 1;
	__s32 err; /* before 6.4 the upper half of what is returned means nothing */

	if (READ(signal, nr_threads) > 1) {
		err = bpf_map_update_elem(&ended_processes, &key, &one, BPF_NOEXIST);
		return err == -EEXIST;
	}
	return bpf_map_lookup_elem(&ended_processes, &key);
}

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

	if (READ(signal, live.counter) != 0)
		return 0;
	s = base__scratch();
	if (!s || READ(task, tgid) == own_tgid || exit__recorded(task, signal))
		return 0;
	r = (void *)s->record;
	store__header(&r->h, task, RECORD_EXIT);
	code = READ(signal, group_exit_code);
	r->code = code ? code : READ(task, exit_code);
	r->reaper = exit__reaper(task, signal);
	store__submit(s, RING_CRITICAL, sizeof(*r));
	narrow__family_changes(task);
	return 0;
}
