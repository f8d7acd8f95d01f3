/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#include "helpers/store/record.h"

/* linux/io_uring.h: what the call was given and fills in. */
struct io_uring_params {
	__u32 sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features;
};

/* linux/bpf.h */
enum bpf_func_id___pt_regs {
	BPF_FUNC_task_pt_regs = 175,
};

/*
 * A new ring; one that the kernel refuses to make is not told of here. What the hook does not pass on is taken from the
 * system call's own arguments, where a helper finds them (since 5.15).
 *
 * void io_uring_create(int fd, void *ctx, u32 sq_entries, u32 cq_entries, u32 flags)
 */
SEC("tp_btf/io_uring_create")
int BPF_PROG(io_uring_create, int fd, void *ring, __u32 sq_entries, __u32 cq_entries, __u32 flags)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct scratch *s = base__scratch();
	struct io_uring_setup_record *r;
	struct io_uring_params params = {};
	struct pt_regs *regs;
	bool compat;

	if (!s || bpf_get_current_pid_tgid() >> 32 == own_tgid)
		return 0;
	r = (void *)s->record;
	store__header(&r->h, task, RECORD_IO_URING_SETUP);
	r->ret = fd;
	r->sq_entries = sq_entries;
	r->cq_entries = cq_entries;
	r->setup_flags = flags;
	r->entries = 0;
	r->has_params = false;
	if (bpf_core_enum_value_exists(enum bpf_func_id___pt_regs, BPF_FUNC_task_pt_regs)) {
		regs = (void *)base__number(s, (void *)bpf_task_pt_regs((void *)bpf_get_current_task_btf()));
		compat = extract__is_compat(task);
		r->entries = extract__syscall_arg(regs, 0, compat);
		r->has_params = !bpf_probe_read_user(&params, sizeof(params),
		                                     (void *)extract__syscall_arg(regs, 1, compat));
	}
	r->sq_thread_cpu = params.sq_thread_cpu;
	r->sq_thread_idle = params.sq_thread_idle;
	r->features = params.features;
	store__submit(s, RING_BULK, sizeof(*r));
	return 0;
}
