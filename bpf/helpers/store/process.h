/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What is true of a process whatever it does: shared by the exec record and the task iterator. */
#ifndef SAKER_STORE_PROCESS_H
#define SAKER_STORE_PROCESS_H

#include "helpers/store/record.h"

/* The chain of parents of the slot's task at this moment, into the exec record in the slot. */
GLOBAL int store__ancestors(__u32 slot)
{
	struct scratch *s = base__scratch_at(slot);
	struct task_struct *task;
	struct exec_record *r;
	__u32 n = 0;

	if (!s)
		return 0;
	task = (void *)s->task;
	r = (void *)s->record;
	for (int i = 0; i < ANCESTORS_MAX; i++) {
		struct task_struct *parent = READ(task, real_parent);
		struct ancestor *a = &r->ancestors[i];

		/* The first task, pid 0, is its own parent. */
		if (!parent || parent == task)
			break;
		task = READ(parent, group_leader);
		a->tgid = READ(task, tgid);
		if (!a->tgid)
			break;
		a->start_time = READ(task, start_boottime);
		a->pad = 0;
		BPF_CORE_READ_INTO(&a->comm, task, comm);
		n++;
	}
	r->ancestors_len = n;
	return 0;
}

/* Everything of the record but the texts that stand in user memory or in linux_binprm. `task` is a plain number. */
INLINE void store__process(struct exec_record *r, struct task_struct *task, struct file *exe)
{
	struct signal_struct *signal = READ(task, signal);
	struct scratch *s;
	struct cred *cred = READ(task, cred);
	struct pid *group = READ(signal, pids[PIDTYPE_PGID]);

	__builtin_memset(&r->exe, 0, sizeof(r->exe));
	if (exe) {
		extract__inode(READ(exe, f_inode), &r->exe);
		if (extract__is_memfd(READ(exe, f_path.dentry)))
			r->h.flags |= FLAG_MEMFD;
	}
	if (READ(task, flags) & PF_KTHREAD)
		r->h.flags |= FLAG_KERNEL_THREAD;
	extract__capabilities(cred, &r->cap_inheritable, &r->cap_permitted, &r->cap_effective);
	r->uid = READ(cred, uid.val);
	r->gid = READ(cred, gid.val);
	r->pidns_start = extract__pidns_start(task);
	r->loginuid = extract__loginuid(task);
	r->tty = extract__tty(signal);
	r->sid = extract__root_pid(READ(signal, pids[PIDTYPE_SID]));
	r->pgid = extract__root_pid(group);
	r->vpgid = extract__pid_seen_by(task, group);
	BPF_CORE_READ_INTO(&r->comm, task, comm);
	r->fdlimit = READ(signal, rlim[RLIMIT_NOFILE].rlim_cur);
	r->call = CALL_NONE;
	r->args_total = r->env_total = 0;
	r->filename_len = r->interp_len = r->args_len = r->env_len = 0;
	s = base__scratch_at(r->h.cpu);
	if (s) {
		s->task = (__u64)task;
		store__ancestors(r->h.cpu);
	}
}

/* The executed file's path and the working directory, at `off`; both return the end of the record. */
INLINE __u32 store__exe_path(struct exec_record *r, __u32 off, struct task_struct *task, struct file *exe)
{
	r->exe_path_len = 0;
	if (exe)
		r->exe_path_len = store__path(off, &r->h, task, __builtin_preserve_access_index(&exe->f_path));
	return off + r->exe_path_len;
}

INLINE __u32 store__cwd(struct exec_record *r, __u32 off, struct task_struct *task)
{
	struct fs_struct *fs = READ(task, fs);
	__u32 outside = r->h.flags & FLAG_OUTSIDE_ROOT;

	r->cwd_len = 0;
	if (fs)
		r->cwd_len = store__path(off, &r->h, task, __builtin_preserve_access_index(&fs->pwd));
	/* Which root it lies below is told of the executed file alone. */
	r->h.flags = (r->h.flags & ~FLAG_OUTSIDE_ROOT) | outside;
	return off + r->cwd_len;
}

#endif
