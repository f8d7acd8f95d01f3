/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* pid: a thread's id in the kernel's words, tid in ours; tgid: a process's id. */
#ifndef SAKER_EXTRACT_TASK_H
#define SAKER_EXTRACT_TASK_H

#include "helpers/base/base.h"

#define MAX_PID_NS_LEVEL 32 /* linux/pid_namespace.h */

/* A pid's number in one of the namespaces that it is in; level 0 is the initial one. */
INLINE struct upid *extract__upid(struct pid *pid, __u32 level)
{
	return (void *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
}

/* The number of a pid in its own, innermost namespace, and that namespace. */
INLINE __u32 extract__inner_pid(struct pid *pid, struct pid_namespace **ns)
{
	struct upid *upid;
	__u32 nr = 0, level;

	if (!pid)
		return 0;
	level = READ(pid, level);
	if (level > MAX_PID_NS_LEVEL)
		return 0;
	upid = extract__upid(pid, level);
	nr = READ(upid, nr);
	if (ns)
		*ns = READ(upid, ns);
	return nr;
}

/* The number of a pid in a task's own namespace; 0 if it is none there, as that of a group made outside. */
INLINE __u32 extract__pid_seen_by(struct task_struct *task, struct pid *pid)
{
	struct pid *own = READ(task, thread_pid);
	struct pid_namespace *ns = NULL;
	struct upid *upid;
	__u32 level;

	if (!pid || !own)
		return 0;
	extract__inner_pid(own, &ns);
	level = READ(own, level);
	if (level > READ(pid, level) || level > MAX_PID_NS_LEVEL)
		return 0;
	upid = extract__upid(pid, level);
	return READ(upid, ns) == ns ? READ(upid, nr) : 0;
}

INLINE __u32 extract__root_pid(struct pid *pid)
{
	return pid ? READ(pid, numbers[0].nr) : 0;
}

INLINE __u64 extract__start_time(struct task_struct *task)
{
	return READ(task, group_leader, start_boottime);
}

/* The first process of the task's pid namespace. */
INLINE struct task_struct *extract__pidns_init(struct task_struct *task)
{
	struct pid_namespace *ns = NULL;

	extract__inner_pid(READ(task, thread_pid), &ns);
	return ns ? READ(ns, child_reaper) : NULL;
}

INLINE __u64 extract__pidns_start(struct task_struct *task)
{
	struct task_struct *init = extract__pidns_init(task);

	return init ? READ(init, start_boottime) : 0;
}

/* How deep the task's pid namespace is nested; the initial one is 0. */
INLINE __u32 extract__level(struct task_struct *task)
{
	return READ(task, thread_pid, level);
}

/* The cgroup in the hierarchy that the sensor follows. Hosts with cgroup v1 mount no containers in v2. */
INLINE struct cgroup *extract__cgroup(struct task_struct *task)
{
	struct css_set *set = READ(task, cgroups);
	struct cgroup_subsys_state *css = NULL;
	__s32 subsys = cgroup_subsys;

	if (subsys < 0)
		return READ(set, dfl_cgrp);
	if (subsys > 31)
		return NULL;
	bpf_probe_read_kernel(&css, sizeof(css),
	                      (void *)set + bpf_core_field_offset(struct css_set, subsys) + subsys * sizeof(css));
	return css ? READ(css, cgroup) : NULL;
}

INLINE __u64 extract__cgroup_id(struct task_struct *task)
{
	struct cgroup *cgroup = extract__cgroup(task);

	return cgroup ? READ(cgroup, kn, id) : 0;
}

/* The controlling terminal's device in the kernel's user-visible encoding (new_encode_dev, linux/kdev_t.h). */
INLINE __u32 extract__tty(struct signal_struct *signal)
{
	struct tty_struct *tty = READ(signal, tty);
	struct tty_driver *driver;
	__u32 major, minor;

	if (!tty)
		return 0;
	driver = READ(tty, driver);
	major = READ(driver, major);
	minor = READ(driver, minor_start) + READ(tty, index);
	return (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
}

INLINE __u32 extract__loginuid(struct task_struct *task)
{
	/* Absent without CONFIG_AUDIT. */
	if (!bpf_core_field_exists(task->loginuid))
		return (__u32)-1;
	return READ(task, loginuid.val);
}

/* The sets are one 64-bit word, whatever the kernel's type for it is called. */
INLINE void extract__capabilities(struct cred *cred, __u64 *inheritable, __u64 *permitted, __u64 *effective)
{
	bpf_core_read(inheritable, sizeof(*inheritable), &cred->cap_inheritable);
	bpf_core_read(permitted, sizeof(*permitted), &cred->cap_permitted);
	bpf_core_read(effective, sizeof(*effective), &cred->cap_effective);
}

#endif
