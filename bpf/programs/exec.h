/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#include "helpers/store/process.h"
#include "helpers/narrow/process.h"

/*
 * A successful execve or execveat. The hook runs after the point of no return and before the first instruction of the
 * new image: other threads are gone, so nobody can rewrite the arguments that are read here.
 *
 * void sched_process_exec(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)
 */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct scratch *s = base__scratch();
	struct exec_record *r;
	struct mm_struct *mm;
	struct file *exe;
	const char *filename, *interp;
	__u64 args, args_end, env, env_end;
	__u32 off = sizeof(*r);

	if (!s || READ(task, tgid) == own_tgid)
		return 0;
	r = (void *)s->record;
	task = (void *)base__number(s, task);
	exe = READ(bprm, file);
	store__header(&r->h, task, RECORD_EXEC);
	store__process(r, task, exe);
	/* fdpath is set only by execveat with a descriptor. */
	r->call = READ(bprm, fdpath) ? CALL_EXECVEAT : CALL_EXECVE;

	off = store__exe_path(r, off, task, exe);

	filename = READ(bprm, filename);
	r->filename_len = store__kernel_string(s, off, filename);
	off += r->filename_len;

	/* The two differ for a script: interp is what its first line names. */
	interp = READ(bprm, interp);
	if (interp != filename)
		r->interp_len = store__kernel_string(s, off, interp);
	off += r->interp_len;

	off = store__cwd(r, off, task);

	mm = READ(task, mm);
	args = READ(mm, arg_start);
	args_end = READ(mm, arg_end);
	r->args_total = args_end - args;
	r->args_len = store__user_bytes(off, args, args_end, ARGS_LEN_MAX);
	if (r->args_len < r->args_total)
		r->h.flags |= FLAG_ARGS_TRUNCATED;
	off += r->args_len;

	env = READ(mm, env_start);
	env_end = READ(mm, env_end);
	r->env_total = env_end - env;
	r->env_len = store__user_bytes(off, env, env_end, ENV_LEN_MAX);
	if (r->env_len < r->env_total)
		r->h.flags |= FLAG_ENV_TRUNCATED;
	off += r->env_len;

	store__submit(s, RING_CRITICAL, off);
	narrow__family_changes(task);
	return 0;
}
