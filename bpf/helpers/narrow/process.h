/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What a process is, user space judges: once for each image, when it sees an event of it. Here the verdict is looked up. It holds
 * for what the process was at that moment: its image, user, cgroup and parent, and its ancestors.
 */
#ifndef SAKER_NARROW_PROCESS_H
#define SAKER_NARROW_PROCESS_H

#include "helpers/extract/task.h"
#include "helpers/narrow/hash.h"

INLINE __u64 narrow__verdict_tag(struct task_struct *task, const struct verdict *v, __u64 changes)
{
	struct cred *cred = READ(task, cred);
	__u64 hash = HASH_START;

	hash = narrow__hash(hash, (__u64)READ(task, real_parent, tgid) << 32 | READ(task, tgid));
	hash = narrow__hash(hash, READ(task, group_leader, start_boottime));
	hash = narrow__hash(hash, READ(task, self_exec_id));
	hash = narrow__hash(hash, (__u64)READ(cred, egid.val) << 32 | READ(cred, euid.val));
	hash = narrow__hash(hash, extract__cgroup_id(task));
	hash = narrow__hash(hash, changes);
	hash = narrow__hash(hash, v->flags << 8 | generation);
	return narrow__hash(hash, v->mask);
}

/* The rules that may match a call of the current task; all, if it has no verdict. */
GLOBAL __u64 narrow__process(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct scratch *s = base__scratch();
	__u32 zero = 0, slot = (bpf_get_current_pid_tgid() >> 32) & (VERDICTS - 1);
	__u64 *changes = bpf_map_lookup_elem(&family_changes, &zero);
	struct verdict *found = bpf_map_lookup_elem(&verdicts, &slot), v;

	if (!s || !changes || !found)
		return ~0ULL;
	s->verdict_flags = 0;
	v.tag = *(volatile __u64 *)&found->tag;
	v.mask = *(volatile __u64 *)&found->mask;
	v.flags = *(volatile __u64 *)&found->flags;
	if (!v.tag || v.tag != narrow__verdict_tag(task, &v, *(volatile __u64 *)changes))
		return ~0ULL;
	s->verdict_flags = v.flags;
	return v.mask;
}

/* A process with children has become another one, or ended: verdicts on its descendants are void. Its record has been sent. */
INLINE void narrow__family_changes(struct task_struct *task)
{
	struct list_head *children = __builtin_preserve_access_index(&task->children);
	__u32 zero = 0;
	__u64 *changes = bpf_map_lookup_elem(&family_changes, &zero);

	if (changes && READ(task, children.next) != children)
		__sync_fetch_and_add(changes, 1);
}

#endif
