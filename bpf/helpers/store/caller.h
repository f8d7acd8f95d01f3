/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What rules ask of who causes an event, at the end of its record (struct caller_info). Only store__submit comes here, and only where some
 * rule or output asks; otherwise user space takes the call out before it loads the programs.
 */
#ifndef SAKER_STORE_CALLER_H
#define SAKER_STORE_CALLER_H

#include "helpers/extract/cgroups.h"
#include "helpers/extract/kind.h"
#include "helpers/extract/memory.h"
#include "helpers/store/open_file.h"
#include "helpers/store/start_dir.h"

/* The most that it adds to a record. */
#define CALLER_LEN_MAX                                                                         \
	(sizeof(struct caller_info) + CALLER_STD * (sizeof(struct file_info) + PATH_LEN_MAX) + \
	 CALLER_CONTROLLERS * 1024 + PATH_LEN_MAX)
#define WORDS 64 /* of the bit map of open descriptors, looked at together */

INLINE __u32 caller__bits(__u64 word)
{
	word -= word >> 1 & 0x5555555555555555ULL;
	word = (word & 0x3333333333333333ULL) + (word >> 2 & 0x3333333333333333ULL);
	word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return word * 0x0101010101010101ULL >> 56;
}

/* How many of the descriptors are open whose bits stand in the WORDS words from `from` on. */
GLOBAL __u32 caller__open_in(__u32 from)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *fdt = READ(task, files, fdt);
	struct scratch *s = base__scratch();
	__u32 words, sum = 0;
	__u64 *bits;

	if (!s || !fdt)
		return 0;
	words = READ(fdt, max_fds) / 64;
	if (from >= words)
		return 0;
	words -= from;
	if (words > WORDS)
		words = WORDS;
	BARRIER_VAR(words);
	bits = (void *)s->path;
	if (words > WORDS || bpf_probe_read_kernel(bits, words * sizeof(*bits), READ(fdt, open_fds) + from))
		return 0;
	for (__u32 i = 0; i < WORDS; i++) {
		if (i >= words)
			break;
		sum += caller__bits(bits[i]);
	}
	return sum;
}

GLOBAL __u32 caller__open(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 max = READ(task, files, fdt, max_fds) / 64, sum = 0;

	for (__u32 from = 0; from < CALLER_FDS_MAX / 64; from += WORDS) {
		if (from >= max)
			break;
		sum += caller__open_in(from);
	}
	return sum;
}

/* The kinds of the first descriptors, a bit each. */
GLOBAL __u32 caller__kinds(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 max = READ(task, files, fdt, max_fds), kinds = 0;

	for (__u32 fd = 0; fd < CALLER_KINDS_MAX; fd++) {
		if (fd >= max)
			break;
		kinds |= extract__kind_bit(fd);
	}
	return kinds;
}

/* One of the descriptors 0 to 2 at `off`; returns the length and, in the high half, enum param_flags. */
GLOBAL __u64 caller__std(__u32 fd, __u32 off)
{
	struct file *file = extract__file((void *)bpf_get_current_task(), fd);
	struct scratch *s = base__scratch();

	if (!s || !file)
		return 0;
	return store__open_file(s, off, file);
}

/* The cgroup of one hierarchy at `off`; returns its length, 0 if there is none. */
GLOBAL __u32 caller__cgroup(__u32 index, __u32 off)
{
	struct scratch *s = base__scratch();

	if (!s || !extract__cgroup_path(index))
		return 0;
	return store__walk(s, off) & 0x3ff;
}

/* What of the caller is asked for the record at hand. Nothing if it is not about the current task, as the answer of a ring may be. */
INLINE __u32 caller__wanted(struct scratch *s)
{
	struct record_header *h = (void *)s->record;
	__u32 row;

	if (h->tid != (__u32)bpf_get_current_pid_tgid())
		return 0;
	if (h->type != RECORD_CALL)
		return caller_parts[h->type & (CALLER_TYPES - 1)];
	row = s->call.row & (CALL_ROWS_MAX - 1);
	BARRIER_VAR(row);
	return recipes[row & (CALL_ROWS_MAX - 1)].caller;
}

/* The memory of the current task's process. */
GLOBAL int caller__memory(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct mm_struct *mm = READ(task, mm);
	struct scratch *s = base__scratch();

	if (!s || !mm)
		return 0;
	s->caller.vm_size = extract__memory_size(mm);
	s->caller.vm_rss = extract__memory_resident(mm);
	s->caller.vm_swap = extract__memory_swapped(mm);
	s->caller.parts |= CALLER_MEMORY;
	return 0;
}

/* The current thread, and how many there are. */
GLOBAL int caller__thread(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct scratch *s = base__scratch();

	if (!s)
		return 0;
	s->caller.minor_faults = READ(task, min_flt);
	s->caller.major_faults = READ(task, maj_flt);
	s->caller.cpu_time = READ(task, se.sum_exec_runtime);
	s->caller.threads = READ(task, signal, nr_threads);
	s->caller.parts |= CALLER_THREAD;
	return 0;
}

/* The descriptors 0 to 2, from `off` on; returns the end. */
INLINE __u32 caller__stdio(__u32 off)
{
	struct scratch *s = base__scratch();
	__u64 std;

	if (!s)
		return off;
	for (__u32 fd = 0; fd < CALLER_STD; fd++) {
		std = caller__std(fd, off);
		s->caller.std_flags[fd] = std >> 32;
		s->caller.std_len[fd] = std;
		off += (__u32)std;
	}
	s->caller.parts |= CALLER_STDIO;
	return off;
}

/* The cgroups, from `off` on; returns the end. */
GLOBAL __u32 caller__cgroups(__u32 off)
{
	struct scratch *s = base__scratch();
	__u32 len;

	if (!s)
		return off;
	for (__u32 i = 0; i < CALLER_CONTROLLERS; i++) {
		len = caller__cgroup(i, off);
		s->caller.cgroup_len[i] = len;
		off += len;
	}
	s->caller.parts |= CALLER_CGROUPS;
	return off;
}

/* The working directory at `off`; returns its length. */
GLOBAL __u32 caller__cwd(__u32 off)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct scratch *s = base__scratch();
	__u32 mode;
	__u64 dir;

	if (!s || !READ(task, fs))
		return 0;
	dir = store__start_dir_at(s, off, task, AT_FDCWD, &mode);
	((struct record_header *)s->record)->flags |= dir >> 32 & FLAG_PATH_TRUNCATED;
	s->caller.cwd_len = dir;
	s->caller.parts |= CALLER_CWD;
	return dir;
}

/* Puts the struct caller_info at the end of the record, which has `size` bytes; returns the new size. The data come before it, so it is made
 * in scratch.caller. */
GLOBAL __u32 store__caller(__u32 size)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct scratch *s = base__scratch();
	struct kernel_counters *c;
	bool files = READ(task, files);
	__u32 wanted;

	if (!s)
		return size;
	wanted = caller__wanted(s);
	if (!wanted)
		return size;
	if (size > RECORD_LEN_MAX - CALLER_LEN_MAX) {
		c = base__counters();
		if (c)
			c->caller_missing++;
		return size;
	}
	__builtin_memset(&s->caller, 0, sizeof(s->caller));
	if (wanted & CALLER_MEMORY)
		caller__memory();
	if (wanted & CALLER_THREAD)
		caller__thread();
	if (wanted & CALLER_FDS && files) {
		s->caller.fds = caller__open();
		s->caller.parts |= CALLER_FDS;
	}
	if (wanted & CALLER_KINDS && files) {
		s->caller.kinds = caller__kinds();
		s->caller.parts |= CALLER_KINDS;
	}
	if (wanted & CALLER_STDIO && files)
		size = caller__stdio(size);
	if (wanted & CALLER_CGROUPS)
		size = caller__cgroups(size);
	if (wanted & CALLER_CWD)
		size += caller__cwd(size);
	if (size > RECORD_LEN_MAX || bpf_probe_read_kernel(store__at(s, size), sizeof(s->caller), &s->caller))
		return size;
	((struct record_header *)s->record)->flags |= FLAG_CALLER;
	return size + sizeof(s->caller);
}

#endif
