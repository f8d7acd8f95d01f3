/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#include "helpers/store/process.h"

/* The processes that run when the sensor starts, each as an exec record without the texts of user memory, which the
 * reader takes from /proc. */
SEC("iter/task")
int task_iter(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	struct scratch *s;
	struct exec_record *r;
	struct mm_struct *mm;
	struct file *exe = NULL;
	__u32 off = sizeof(*r);

	if (!task || READ(task, tgid) != READ(task, pid))
		return 0;
	/* An iterator can be preempted by a task that runs into one of the hooks. */
	s = base__scratch_at(iterator_slot);
	if (!s)
		return 0;
	r = (void *)s->record;
	task = (void *)base__number(s, task);
	mm = READ(task, mm);
	if (mm)
		exe = READ(mm, exe_file);
	store__header(&r->h, task, RECORD_TASK);
	r->h.cpu = iterator_slot;
	store__process(r, task, exe);
	off = store__exe_path(r, off, task, exe);
	off = store__cwd(r, off, task);
	r->h.size = off;
	BARRIER_VAR(off);
	if (off > RECORD_LEN_MAX)
		return 0;
	bpf_seq_write(seq, s->record, off);
	return 0;
}
