/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#ifndef SAKER_EXTRACT_CGROUPS_H
#define SAKER_EXTRACT_CGROUPS_H

#include "helpers/base/base.h"

#define CGROUP_DEPTH 24 /* a deeper one loses its front */

/* The kernel's number of a controller, by its place in struct caller_info; negative if the kernel has none of that name. */
INLINE __s32 extract__controller(__u32 index)
{
#define CONTROLLER(name)                                                             \
	(bpf_core_enum_value_exists(enum cgroup_subsys_id, name##_cgrp_id)           \
	         ? (__s32)bpf_core_enum_value(enum cgroup_subsys_id, name##_cgrp_id) \
	         : -1)
	switch (index) {
	case 0:
		return CONTROLLER(cpuset);
	case 1:
		return CONTROLLER(cpu);
	case 2:
		return CONTROLLER(cpuacct);
	case 3:
		return CONTROLLER(io);
	default:
		return CONTROLLER(memory);
	}
#undef CONTROLLER
}

INLINE struct kernfs_node *extract__kernfs_parent(struct kernfs_node *node)
{
	struct kernfs_node___rcu *rcu = (void *)node;

	return bpf_core_field_exists(node->parent) ? READ(node, parent) : READ(rcu, __parent);
}

/* Puts "/name" before what stands in the buffer; false if it has no room. */
INLINE bool extract__prepend_cgroup(struct scratch *s, struct kernfs_node *node)
{
	__u32 pos = s->walk.start;
	char *name = (char *)&s->path[PATH_LEN_MAX];
	long len = bpf_probe_read_kernel_str(name, 256, READ(node, name));

	if (len < 2 || len > 256 || pos < 256 || pos > PATH_LEN_MAX)
		return false;
	len--;
	pos -= len;
	BARRIER_VAR(pos);
	pos &= PATH_LEN_MAX - 1;
	BARRIER_VAR(len);
	len &= 0xff;
	bpf_probe_read_kernel(&s->path[pos], len, name);
	pos = (pos - 1) & (PATH_LEN_MAX - 1);
	s->path[pos] = '/';
	s->walk.start = pos;
	return true;
}

/* Walks the current task's cgroup in the hierarchy of a controller, from the hierarchy's root, into the scratch buffer; the result is
 * its walk. False if there is none. */
GLOBAL int extract__cgroup_path(__u32 index)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct css_set *set = READ(task, cgroups);
	struct cgroup_subsys_state *css = NULL;
	__s32 controller = extract__controller(index);
	struct scratch *s = base__scratch();
	struct kernfs_node *node, *parent;
	struct cgroup *cgroup;

	if (!s || controller < 0 || controller > 31)
		return false;
	bpf_probe_read_kernel(&css, sizeof(css),
	                      (void *)set + bpf_core_field_offset(struct css_set, subsys) + controller * sizeof(css));
	if (!css)
		return false;
	cgroup = READ(css, cgroup);
	node = READ(cgroup, kn);
	s->walk.flags = 0;
	s->walk.start = PATH_LEN_MAX;
	for (int i = 0; i < CGROUP_DEPTH; i++) {
		parent = node ? extract__kernfs_parent(node) : NULL;
		if (!parent)
			break;
		if (!extract__prepend_cgroup(s, node))
			break;
		node = parent;
	}
	if (s->walk.start == PATH_LEN_MAX) {
		s->walk.start = PATH_LEN_MAX - 1;
		s->path[PATH_LEN_MAX - 1] = '/';
	}
	return true;
}

#endif
