/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Building a record in the cpu's scratch buffer and sending it:
 *
 *	store__header(r, task, type);  ... fields ...;  store__X_text(...);  store__submit(...)
 *
 * `off` is the end of what is built so far.
 */
#ifndef SAKER_STORE_RECORD_H
#define SAKER_STORE_RECORD_H

#include "helpers/extract/task.h"
#include "helpers/extract/path.h"
#include "helpers/extract/inode.h"
#include "helpers/extract/syscall.h"
#include "helpers/store/loser.h"

INLINE void store__header(struct record_header *h, struct task_struct *task, __u16 type)
{
	struct task_struct *leader = READ(task, group_leader);
	struct cred *cred = READ(task, cred);

	h->type = type;
	h->generation = generation;
	h->cpu = bpf_get_smp_processor_id();
	h->time = bpf_ktime_get_boot_ns();
	h->start_time = READ(leader, start_boottime);
	h->exec_id = READ(task, self_exec_id);
	h->cgroup_id = extract__cgroup_id(task);
	h->tgid = READ(task, tgid);
	h->tid = READ(task, pid);
	h->vtid = extract__inner_pid(READ(task, thread_pid), NULL);
	h->vpid = h->tid == h->tgid ? h->vtid : extract__inner_pid(READ(leader, thread_pid), NULL);
	h->ppid = READ(task, real_parent, tgid);
	h->euid = READ(cred, euid.val);
	h->egid = READ(cred, egid.val);
	h->flags = 0;
}

/* Begins a record of the current task in the scratch buffer: its header. A function of its own, for programs that make several kinds. */
GLOBAL int store__begin(__u32 type)
{
	struct scratch *s = base__scratch();

	if (s)
		store__header((void *)s->record, (void *)bpf_get_current_task(), type);
	return 0;
}

/* Where the next text goes. The scratch buffer has room for the longest text behind RECORD_LEN_MAX. */
INLINE void *store__at(struct scratch *s, __u32 off)
{
	BARRIER_VAR(off);
	if (off > RECORD_LEN_MAX)
		off = RECORD_LEN_MAX;
	return &s->record[off];
}

/* Puts what was walked at `off` of the record. Returns its length, and the walk's flags in the high half. */
INLINE __u64 store__walk(struct scratch *s, __u32 off)
{
	__u32 start = s->walk.start, len;

	if (start > PATH_LEN_MAX)
		return 0;
	len = PATH_LEN_MAX - start;
	BARRIER_VAR(len);
	if (len > PATH_LEN_MAX)
		return 0;
	/* Through a helper, because the verifier can't follow a copy loop of that size. */
	if (bpf_probe_read_kernel(store__at(s, off), len, &s->path[start & (PATH_LEN_MAX - 1)]))
		return 0;
	return (__u64)s->walk.flags << 32 | len;
}

/* Walks the slot's object, a struct path, as the slot's task would name it, and puts it at `off` of the record. Returns
 * what store__walk does. */
GLOBAL __u64 store__path_at(__u32 slot, __u32 off)
{
	struct scratch *s = base__scratch_at(slot);
	struct task_struct *task;
	struct fs_struct *fs;

	if (!s)
		return 0;
	s->walk.top = 0;
	task = (void *)s->task;
	fs = READ(task, fs);
	if (!fs)
		return 0;
	extract__path(s, slot, (void *)s->object, __builtin_preserve_access_index(&fs->root));
	return store__walk(s, off);
}

/* Puts what the last path walk left out of the file's place in its file system at `off` of the record. Returns what
 * store__walk does. */
GLOBAL __u64 store__hidden_at(__u32 slot, __u32 off)
{
	struct scratch *s = base__scratch_at(slot);

	if (!s)
		return 0;
	extract__hidden(s, slot);
	return store__walk(s, off);
}

/* The path of an open file or directory, from the task's root. Adds flags to the header. */
INLINE __u32 store__path(__u32 off, struct record_header *h, struct task_struct *task, struct path *path)
{
	struct scratch *s = base__scratch_at(h->cpu);
	__u64 v;

	if (!s)
		return 0;
	s->task = (__u64)task;
	s->object = (__u64)path;
	v = store__path_at(h->cpu, off);
	h->flags |= v >> 32;
	return (__u32)v & (2 * PATH_LEN_MAX - 1);
}

/* Where in its file system the file is whose path was stored last: `mount_len` of the path's end, below what is put at `off`
 * and whose length is returned. Flags the header if that is known. */
INLINE __u32 store__fs_path(__u32 off, struct record_header *h, __u32 *mount_len)
{
	struct scratch *s = base__scratch_at(h->cpu);
	__u64 v;

	*mount_len = 0;
	if (!s || !s->walk.top)
		return 0;
	*mount_len = s->walk.below;
	v = store__hidden_at(h->cpu, off);
	if (v >> 32 & FLAG_PATH_TRUNCATED) {
		h->flags |= FLAG_PATH_TRUNCATED;
		return 0;
	}
	h->flags |= FLAG_FS_PATH;
	return (__u32)v & (2 * PATH_LEN_MAX - 1);
}

/* A string of the caller. What can't be read, or fills the buffer, is flagged. Of an empty string the kernel says 0 before
 * 6.13, and 1, its NUL, since then (strncpy_from_user_nofault, mm/maccess.c). */
INLINE __u32 store__user_string(struct scratch *s, __u32 off, struct record_header *h, __u64 ptr)
{
	struct kernel_counters *c;
	long n = bpf_probe_read_user_str(store__at(s, off), PATH_LEN_MAX, (void *)ptr);

	if (n < 0) {
		h->flags |= FLAG_RAW_TRUNCATED;
		c = base__counters();
		if (c)
			c->raw_unreadable++;
		return 0;
	}
	if (n == PATH_LEN_MAX)
		h->flags |= FLAG_RAW_TRUNCATED;
	return n > 0 ? n - 1 : 0;
}

INLINE __u32 store__kernel_string(struct scratch *s, __u32 off, const char *ptr)
{
	long n = ptr ? bpf_probe_read_kernel_str(store__at(s, off), PATH_LEN_MAX, ptr) : 0;

	return n > 0 ? n - 1 : 0;
}

/* User memory from..to, up to max bytes, a page at a time so that one missing page loses only what is behind it. */
GLOBAL __u32 store__user_bytes(__u32 off, __u64 from, __u64 to, __u32 max)
{
	struct scratch *s = base__scratch();
	__u32 done = 0, n;

	if (!s)
		return 0;
	/* ARGS_LEN_MAX is 8 pages; an unaligned start touches one more. */
	for (int i = 0; i < 9; i++) {
		if (from >= to || done >= max || off > RECORD_LEN_MAX)
			break;
		n = 4096 - (from & 4095);
		if (n > to - from)
			n = to - from;
		if (n > max - done)
			n = max - done;
		BARRIER_VAR(n);
		if (n == 0 || n > 4096)
			break;
		if (bpf_probe_read_user(store__at(s, off), n, (void *)from))
			break;
		from += n;
		off += n;
		done += n;
	}
	return done;
}

/* Calls the reader if it sleeps: once a sleep, whoever comes first. The record is in its ring by now, so a reader that
 * lies down at this very moment sees the record, or is seen here. */
INLINE void store__wake_reader(void)
{
	__u32 zero = 0;
	struct reader *r = bpf_map_lookup_elem(&reader, &zero);
	void *nothing;

	if (!r || !*(volatile __u64 *)&r->asleep)
		return;
	r->asleep = 0;
	/* Only a record that is committed or discarded can wake. */
	nothing = bpf_ringbuf_reserve(&critical, 8, 0);
	if (nothing)
		bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
}

/* helpers/store/caller.h */
GLOBAL __u32 store__caller(__u32 size);

/* Sends the record of `size` bytes. Its number is taken whether it finds room or not, so a gap is a loss. */
INLINE void store__submit(struct scratch *s, enum ring ring, __u32 size)
{
	struct record_header *h = (void *)s->record;
	struct kernel_counters *c = base__counters();
	long err;

	if (!c)
		return;
	if (h->flags & FLAG_PATH_TRUNCATED)
		c->path_truncated++;
	if (caller_on)
		size = store__caller(size);
	h->size = size;
	h->seq = c->sent[ring] + c->lost[ring] + 1;
	BARRIER_VAR(size);
	/* A busy reader looks by itself every few ms; a wake-up for each record would cost the caller more than the record. */
	if (size > RECORD_LEN_MAX) {
		c->oversize++;
		err = -1;
	} else if (ring == RING_CRITICAL) {
		err = bpf_ringbuf_output(&critical, s->record, size, BPF_RB_NO_WAKEUP);
	} else {
		err = bpf_ringbuf_output(&bulk, s->record, size, BPF_RB_NO_WAKEUP);
	}
	store__wake_reader();
	if (!err) {
		c->sent[ring]++;
		return;
	}
	c->lost[ring]++;
	if (h->type < RECORD_TYPES)
		c->lost_by_type[h->type]++;
	store__vote(&c->loser, h);
}

#endif
