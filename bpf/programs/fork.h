/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#include "helpers/store/record.h"

/*
 * A new process, by whichever call. A new thread is no new process and is passed over.
 *
 * void sched_process_fork(struct task_struct *parent, struct task_struct *child)
 */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	struct scratch *s;
	struct fork_record *r;
	struct task_struct *real_parent;
	struct signal_struct *signal;
	struct cred *cred;
	struct pid *group;
	__u32 tgid = READ(child, tgid);

	if (tgid != READ(child, pid))
		return 0;
	s = base__scratch();
	if (!s)
		return 0;
	r = (void *)s->record;
	store__header(&r->h, parent, RECORD_FORK);
	real_parent = READ(child, real_parent, group_leader);
	signal = READ(child, signal);
	cred = READ(child, cred);
	group = READ(signal, pids[PIDTYPE_PGID]);

	r->start_time = READ(child, start_boottime);
	r->exec_id = READ(child, self_exec_id);
	r->cgroup_id = extract__cgroup_id(child);
	r->pidns_start = extract__pidns_start(child);
	r->parent_start_time = READ(real_parent, start_boottime);
	r->tgid = tgid;
	r->vpid = extract__inner_pid(READ(child, thread_pid), NULL);
	r->ppid = READ(real_parent, tgid);
	r->euid = READ(cred, euid.val);
	r->egid = READ(cred, egid.val);
	r->sid = extract__root_pid(READ(signal, pids[PIDTYPE_SID]));
	r->pgid = extract__root_pid(group);
	r->vpgid = extract__pid_seen_by(child, group);
	BPF_CORE_READ_INTO(&r->comm, child, comm);

	store__submit(s, RING_CRITICAL, sizeof(*r));
	return 0;
}
