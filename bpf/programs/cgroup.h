/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#include "helpers/store/record.h"

/* With cgroup v1 a container gets a directory in each hierarchy; one of them is enough. */
INLINE int cgroup_changed(struct cgroup *cgroup, const char *path, __u16 type)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct cgroup *own = extract__cgroup(task);
	struct scratch *s;
	struct cgroup_record *r;

	if (!own || READ(cgroup, root) != READ(own, root))
		return 0;
	s = base__scratch();
	if (!s)
		return 0;
	r = (void *)s->record;
	store__header(&r->h, task, type);
	r->id = READ(cgroup, kn, id);
	r->path_len = store__kernel_string(s, sizeof(*r), path);
	r->pad = 0;
	store__submit(s, RING_CRITICAL, sizeof(*r) + r->path_len);
	return 0;
}

/* void cgroup_mkdir(struct cgroup *cgrp, const char *path) */
SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(cgroup_mkdir, struct cgroup *cgroup, const char *path)
{
	return cgroup_changed(cgroup, path, RECORD_CGROUP_MKDIR);
}

/* void cgroup_rmdir(struct cgroup *cgrp, const char *path) */
SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_rmdir, struct cgroup *cgroup, const char *path)
{
	return cgroup_changed(cgroup, path, RECORD_CGROUP_RMDIR);
}
