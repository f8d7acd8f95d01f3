/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The path string of a call that fails, or opens nothing, is in the caller's memory alone, and another thread may rewrite it
 * between call and return. So it is copied when the call begins, too, and compared when it returns. A call has up to two. The
 * kernel makes its own copy between the two; a thread that rewrites the string before that one, and puts it back before the
 * second, is not seen. In the same way the file behind a descriptor is kept that the call closes.
 *
 * A copy waits for its call's end in the slot of an array, by the low bits of the thread's id: nothing grows, nothing
 * can be deleted. Threads that share a slot may meet in it, on two processors at once:
 *
 *  - Two writers: each counts itself in, then looks; one that is not alone goes without. At least the later one sees
 *    the other, because the count is an atomic operation.
 *  - A writer and a reader: the writer takes the tid out before it touches the text, and puts its own in behind it. The
 *    reader looks at the tid before and after, so it drops what was overwritten meanwhile. No other thread than the
 *    reader's ever puts the reader's tid in.
 *  - A copy of an earlier call of the same thread: the end of each call takes it out, because not every call has a
 *    copy (seccomp refuses some before they get here, a writer may have gone without).
 *
 * Who has no copy gets the string as it is at the end, and is counted. Stores are seen in their order on x86; arm64 may
 * reorder them, which leaves a torn copy possible there, for a few instructions.
 */
#ifndef SAKER_STORE_ENTRY_H
#define SAKER_STORE_ENTRY_H

#include "helpers/store/record.h"

#define ENTRY_UNREADABLE ((__u32) - 1)

INLINE struct entry_copy *store__entry_slot(__u32 tid)
{
	__u32 slot = tid & (ENTRY_COPIES - 1);

	return bpf_map_lookup_elem(&entry_copies, &slot);
}

INLINE void store__entry_string(struct entry_copy *e, __u32 which, __u64 ptr)
{
	long n = bpf_probe_read_user_str(e->text[which], PATH_LEN_MAX, (void *)ptr);

	e->len[which] = n < 0 ? ENTRY_UNREADABLE : n > 0 ? n - 1 : 0;
}

/* Takes the slot of the current thread, if nobody else writes into it; NULL otherwise. In either case store__entry_release follows. */
INLINE bool store__entry_begin(struct entry_copy *e)
{
	__sync_fetch_and_add(&e->writers, 1);
	if (*(volatile __u64 *)&e->writers != 1)
		return false;
	*(volatile __u32 *)&e->tid = 0;
	return true;
}

/* What was written is the current thread's. */
INLINE void store__entry_written(struct entry_copy *e)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	e->start_time = READ(task, start_boottime);
	barrier();
	*(volatile __u32 *)&e->tid = bpf_get_current_pid_tgid();
}

INLINE void store__entry_release(struct entry_copy *e)
{
	__sync_fetch_and_add(&e->writers, -1);
}

/* Keeps the strings at `first` and, unless it is 0, `second` for the end of the current thread's call. */
INLINE void store__entry(__u64 first, __u64 second)
{
	struct entry_copy *e = store__entry_slot(bpf_get_current_pid_tgid());

	if (!e)
		return;
	if (store__entry_begin(e)) {
		store__entry_string(e, 0, first);
		if (second)
			store__entry_string(e, 1, second);
		store__entry_written(e);
	}
	store__entry_release(e);
}

/* Keeps `len` bytes at `off` of the record, the data of a descriptor, and their flags. */
INLINE void store__entry_data(struct scratch *s, __u32 off, __u32 len, __u32 flags)
{
	struct entry_copy *e = store__entry_slot(bpf_get_current_pid_tgid());

	if (!e)
		return;
	if (store__entry_begin(e)) {
		BARRIER_VAR(len);
		if (len < sizeof(e->text) && !bpf_probe_read_kernel(e->text, len, store__at(s, off))) {
			e->len[0] = len;
			e->flags = flags;
			store__entry_written(e);
		}
	}
	store__entry_release(e);
}

/* The end of a call, whatever came of it. */
INLINE void store__entry_end(void)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct entry_copy *e = store__entry_slot(tid);

	if (e && *(volatile __u32 *)&e->tid == tid)
		*(volatile __u32 *)&e->tid = 0;
}

/* The current call's copy; NULL if there is none. */
INLINE struct entry_copy *store__entry_found(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 tid = bpf_get_current_pid_tgid();
	struct entry_copy *e = store__entry_slot(tid);

	if (!e || *(volatile __u32 *)&e->tid != tid || e->start_time != READ(task, start_boottime))
		return NULL;
	return e;
}

/* Puts one of the texts of the current call at `off` of the record; returns its length, negative if there is none. */
INLINE long store__entry_text(struct scratch *s, __u32 off, __u32 which)
{
	struct entry_copy *e = store__entry_found();
	__u32 len;

	if (!e)
		return -1;
	which &= 1;
	len = *(volatile __u32 *)&e->len[which];
	BARRIER_VAR(len);
	if (len >= PATH_LEN_MAX)
		return -1; /* it was not readable */
	if (bpf_probe_read_kernel(store__at(s, off), len, e->text[which]))
		return -1;
	return *(volatile __u32 *)&e->tid == (__u32)bpf_get_current_pid_tgid() ? len : -1;
}

/* Puts the data that were kept of a descriptor at `off` of the record. Returns their length, and their flags in the high half;
 * negative if there are none. */
INLINE __s64 store__entry_kept(struct scratch *s, __u32 off)
{
	struct entry_copy *e = store__entry_found();
	__u64 flags;
	__u32 len;

	if (!e)
		return -1;
	flags = e->flags & (PARAM_FILE | PARAM_SOCKET | PARAM_TRUNCATED | PARAM_OUTSIDE_ROOT);
	len = *(volatile __u32 *)&e->len[0];
	BARRIER_VAR(len);
	if (len >= sizeof(e->text))
		return -1;
	if (bpf_probe_read_kernel(store__at(s, off), len, e->text))
		return -1;
	return *(volatile __u32 *)&e->tid == (__u32)bpf_get_current_pid_tgid() ? flags << 32 | len : -1;
}

#define COMPARED 64 /* bytes at once; divides PATH_LEN_MAX */

/* Tells whether COMPARED bytes differ, `at` bytes into the text at `off` of the record and the one in the path buffer. A function of
 * its own, so that it is verified once and not for each step of the loop below. */
GLOBAL int store__differ_at(__u32 off, __u32 at)
{
	struct scratch *s = base__scratch();
	__u64 *text, *other;

	at &= PATH_LEN_MAX - COMPARED;
	if (!s)
		return 0;
	text = store__at(s, off + at);
	other = (void *)&s->path[at];
	for (int i = 0; i < COMPARED / 8; i++) {
		if (text[i] != other[i])
			return 1;
	}
	return 0;
}

/* Tells whether the text at `off` of the record and the one in the path buffer differ; both are `len` bytes long. Zeros are put behind
 * them, up to a multiple of what is compared at once. */
GLOBAL int store__differ(__u32 off, __u32 len)
{
	static const char zeros[COMPARED];
	struct scratch *s = base__scratch();

	BARRIER_VAR(len);
	if (!s || len >= PATH_LEN_MAX)
		return 0;
	__builtin_memcpy(store__at(s, off + len), zeros, COMPARED);
	__builtin_memcpy(&s->path[len], zeros, COMPARED);
	for (__u32 i = 0; i < PATH_LEN_MAX; i += COMPARED) {
		if (i >= len)
			break;
		if (store__differ_at(off, i))
			return 1;
	}
	return 0;
}

/* The texts of a call's path, the one behind the other. */
struct call_path {
	__u32 len;
	__u32 exit_len; /* of what it was at the end of the call, if that is another */
	__u32 flags;    /* enum record_flags */
};

/*
 * Puts a call's path string at `off` of the record: the copy from entry (`which` of the call's two) and, if the string is
 * another one by now, that one behind it; without a copy, what it is now. Returns the two lengths in 16 bits each, and flags
 * above them.
 */
GLOBAL __u64 store__user_path_at(__u32 off, __u64 ptr, __u32 which)
{
	struct scratch *s = base__scratch();
	struct kernel_counters *c = base__counters();
	long entry = -1, n;
	__u32 len;
	__u64 flags = 0;

	if (!s || !c)
		return 0;
	if (entry_copies_on) {
		entry = store__entry_text(s, off, which);
		if (entry < 0)
			c->entry_missing++;
	}
	n = bpf_probe_read_user_str(s->path, PATH_LEN_MAX, (void *)ptr);
	if (n < 0)
		c->raw_unreadable++;
	len = n > 0 ? n - 1 : 0;
	BARRIER_VAR(len);
	if (len >= PATH_LEN_MAX)
		return 0;
	if (len == PATH_LEN_MAX - 1 || entry == PATH_LEN_MAX - 1)
		flags |= FLAG_RAW_TRUNCATED;
	if (entry < 0) {
		if (n < 0)
			flags |= FLAG_RAW_TRUNCATED;
		bpf_probe_read_kernel(store__at(s, off), len, s->path);
		return flags << 32 | len;
	}
	/* A string that is not there any more is no other name. */
	if (n < 0 || (len == entry && !store__differ(off, len)))
		return flags << 32 | entry;
	flags |= FLAG_NAME_CHANGED;
	bpf_probe_read_kernel(store__at(s, off + entry), len, s->path);
	return flags << 32 | len << 16 | entry;
}

INLINE struct call_path store__user_path(__u32 off, __u64 ptr, __u32 which)
{
	__u64 v = store__user_path_at(off, ptr, which);

	return (struct call_path){
		.len = v & (PATH_LEN_MAX - 1),
		.exit_len = v >> 16 & (PATH_LEN_MAX - 1),
		.flags = v >> 32,
	};
}

/* Tells whether one of the texts needs the directory that it starts from: if it is empty or relative, and was readable. */
INLINE bool store__is_relative(struct scratch *s, __u32 off, struct call_path *path)
{
	if (!path->len && path->flags & FLAG_RAW_TRUNCATED)
		return false;
	if (!path->len || *(char *)store__at(s, off) != '/')
		return true;
	return path->flags & FLAG_NAME_CHANGED && (!path->exit_len || *(char *)store__at(s, off + path->len) != '/');
}

#endif
