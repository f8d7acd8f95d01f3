/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Opens that a ring of io_uring is asked for. No system call of their own tells of them.
 *
 * The name is taken when the request is submitted, from the kernel's own copy, which is gone when it is answered. The
 * result and the file come with the answer. In between the record waits in a bounded table; whoever finds its place
 * taken sends the older one as it is, without a result. So each request makes a record at least once, also where no
 * answer is ever told: an open may ask for none (IOSQE_CQE_SKIP_SUCCESS).
 *
 * An answer is told in the task that opened the file: the submitter, a worker of its, or the ring's polling thread. All
 * are threads of the ring's process and share its files, since 5.12 (create_io_thread).
 */
#include "programs/open.h"
#include "programs/io_uring_call.h"

enum uring_state {
	URING_FREE,
	URING_WAITS,
	URING_TOLD, /* sent without a result; only a failure is still to come */
};

/* The rules that may match a request, if its outcome is not known. The name is the kernel's own copy: nobody rewrites it. */
INLINE __u64 uring__any_outcome(__u32 call, __u32 flags)
{
	return open__mask(call, flags, OPEN_FAILED) | open__mask(call, flags, OPEN_REGULAR) |
	       open__mask(call, flags, OPEN_DIRECTORY) | open__mask(call, flags, OPEN_OTHER);
}

INLINE struct uring_bucket *uring__bucket(__u32 number)
{
	return bpf_map_lookup_elem(&uring_opens, &number);
}

/* The upper bits of a product with the golden ratio spread well. */
INLINE __u32 uring__hash(__u64 ctx, __u64 user_data)
{
	_Static_assert(URING_BUCKETS == 64, "six bits");
	return ((ctx >> 6) ^ user_data) * 0x9e3779b97f4a7c15ULL >> 58;
}

INLINE bool uring__hold(struct uring_key *k)
{
	__sync_fetch_and_add(&k->holders, 1);
	if (*(volatile __u32 *)&k->holders == 1)
		return true;
	__sync_fetch_and_add(&k->holders, -1);
	return false;
}

INLINE void uring__let_go(struct uring_key *k)
{
	__sync_fetch_and_add(&k->holders, -1);
}

INLINE void uring__unmatched(void)
{
	struct kernel_counters *c = base__counters();

	if (c)
		c->uring_unmatched++;
}

INLINE void uring__args(struct io_kiocb *req, struct open_args *a)
{
	struct io_open *open = (void *)req;
	struct open_how how;

	extract__open_how(open, &how);
	a->dirfd = READ(open, dfd);
	a->flags = how.flags;
	a->mode = how.mode;
	a->resolve = how.resolve;
}

/* Sends the record in the scratch buffer, completed by the file, if a rule may be about it. */
INLINE void uring__end(struct scratch *s, struct task_struct *task, bool named, __u64 ctx, __u32 file_slot)
{
	struct open_record *r = (void *)s->record;
	struct file *file = NULL;
	__u64 mask;

	if (r->ret >= 0 && !(r->h.flags & FLAG_NO_RESULT))
		file = file_slot ? extract__fixed_file((void *)ctx, file_slot, r->ret) : extract__file(task, r->ret);
	if (r->ret < 0)
		mask = open__mask(r->call, r->open_flags, OPEN_FAILED);
	else if (file)
		mask = open__mask(r->call, r->open_flags, open__outcome(file));
	else
		mask = uring__any_outcome(r->call, r->open_flags);
	if (mask)
		open__end((__u64)task, named, (__u64)file);
}

/* Sends the record that waits at a place. */
GLOBAL int uring__send(__u32 bucket, __u32 place, __s64 ret, __u32 flags)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct uring_bucket *b = uring__bucket(bucket);
	struct scratch *s = base__scratch();
	struct open_record *r;
	struct uring_open *o;
	__u32 len;

	if (!b || !s)
		return 0;
	place &= URING_OPENS - 1;
	o = &b->opens[place];
	len = o->r.raw_len & (PATH_LEN_MAX - 1);
	BARRIER_VAR(len);
	if (bpf_probe_read_kernel(s->record, sizeof(*r) + (len & (PATH_LEN_MAX - 1)), o))
		return 0;
	r = (void *)s->record;
	r->raw_len = len;
	r->ret = ret;
	r->h.flags |= flags;
	r->h.cpu = bpf_get_smp_processor_id();
	if (!(flags & FLAG_NO_RESULT))
		r->h.time = bpf_ktime_get_boot_ns();
	/* When the process is gone the kernel completes what is left in a thread of its own. */
	if (READ(task, tgid) != r->h.tgid)
		task = NULL;
	uring__end(s, task, true, b->keys[place].ctx, o->file_slot);
	return 0;
}

/* Finds a place for a new open and holds it; the answer is URING_OPENS if there is none. */
INLINE __u32 uring__place(struct uring_bucket *b, __u32 bucket)
{
	for (__u32 i = 0; i < URING_OPENS; i++) {
		if (b->keys[i].state == URING_WAITS || !uring__hold(&b->keys[i]))
			continue;
		if (b->keys[i].state != URING_WAITS)
			return i;
		uring__let_go(&b->keys[i]);
	}
	uring__unmatched();
	if (!uring__hold(&b->keys[0]))
		return URING_OPENS;
	if (b->keys[0].state == URING_WAITS)
		uring__send(bucket, 0, 0, FLAG_NO_RESULT);
	return 0;
}

GLOBAL int uring__submitted(__u64 req_ptr, __u32 call)
{
	struct io_kiocb *req = (void *)req_ptr;
	struct io_open *open = (void *)req;
	struct scratch *s = base__scratch();
	struct open_args args = {};
	struct open_record *r;
	struct uring_bucket *b;
	struct uring_open *o;
	struct uring_key *k;
	const char *name;
	__u64 ctx, user_data;
	__u32 bucket, place;
	long n;

	uring__args(req, &args);
	if (!s || !uring__any_outcome(call, args.flags))
		return 0;
	ctx = base__number(s, READ(req, ctx));
	user_data = extract__user_data(req);
	bucket = uring__hash(ctx, user_data);
	b = uring__bucket(bucket);
	if (!b)
		return 0;
	place = uring__place(b, bucket);
	if (place >= URING_OPENS)
		return 0;
	BARRIER_VAR(place);
	place &= URING_OPENS - 1;
	k = &b->keys[place];
	o = &b->opens[place];

	r = (void *)s->record;
	open__begin(r, &args, call, 0);
	r->h.flags |= FLAG_IO_URING;
	bpf_probe_read_kernel(&o->r, sizeof(o->r), r);
	name = READ(open, filename, name);
	n = bpf_probe_read_kernel_str(o->name, PATH_LEN_MAX, name);
	o->r.raw_len = n > 0 ? n - 1 : 0;
	o->file_slot = bpf_core_field_exists(open->file_slot) ? READ(open, file_slot) : 0;
	k->ctx = ctx;
	k->user_data = user_data;
	k->req = req_ptr;
	k->state = URING_WAITS;
	if (READ(req, flags) & IOSQE_CQE_SKIP_SUCCESS) {
		uring__send(bucket, place, 0, FLAG_NO_RESULT);
		k->state = URING_TOLD;
	}
	uring__let_go(k);
	return 0;
}

/* An answer to an open whose submission was not kept, or that never got so far: its name could not be read. */
GLOBAL int uring__unknown(__u64 req_ptr, __s64 ret)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct io_kiocb *req = (void *)req_ptr;
	struct io_open *open = (void *)req;
	struct scratch *s = base__scratch();
	struct open_args args = {};
	struct open_record *r;

	if (!s)
		return 0;
	if (READ(open, filename))
		uring__unmatched();
	if (READ(task, flags) & PF_KTHREAD)
		return 0; /* whose it was is not told any more */
	r = (void *)s->record;
	uring__args(req, &args);
	open__begin(r, &args, uring__call(req), ret);
	r->h.flags |= FLAG_IO_URING | FLAG_RAW_TRUNCATED;
	uring__end(s, task, false, (__u64)READ(req, ctx), READ(open, file_slot));
	return 0;
}

/* `req` is 0 where the kernel does not say which request it is about. */
GLOBAL int uring__completed(__u64 ctx, __u64 user_data, __u64 req, __s64 ret)
{
	__u32 bucket = uring__hash(ctx, user_data);
	struct uring_bucket *b = uring__bucket(bucket);

	if (!b)
		return 0;
	for (__u32 i = 0; i < URING_OPENS; i++) {
		struct uring_key *k = &b->keys[i];

		if (k->state == URING_FREE || k->ctx != ctx || k->user_data != user_data || (req && k->req != req))
			continue;
		if (!uring__hold(k))
			continue;
		uring__send(bucket, i, ret, 0);
		k->state = URING_FREE;
		uring__let_go(k);
		return 0;
	}
	if (req)
		uring__unknown(req, ret);
	return 0;
}

INLINE int uring__submit(__u64 req)
{
	__u32 call = uring__call((void *)req);

	if (call == CALL_NONE || bpf_get_current_pid_tgid() >> 32 == own_tgid)
		return 0;
	if (call >= CALL_ROWS) {
		uring__request(req, call);
		call__record(); /* from here, not from deeper: a chain of calls has eight frames at most */
	} else {
		uring__submitted(req, call);
	}
	return 0;
}

/* void io_uring_submit_req(struct io_kiocb *req), since 6.4 */
SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(io_uring_submit_req, struct io_kiocb *req)
{
	struct scratch *s = base__scratch();

	return s ? uring__submit(base__number(s, req)) : 0;
}

/*
 * Its name up to 6.3, and its arguments:
 *
 * struct io_kiocb *req, bool force_nonblock                                                        since 6.0
 * void *ctx, void *req, [ulong long user_data, u8 opcode, | u8 opcode, u64 user_data,] u32 flags,
 * bool force_nonblock, bool sq_thread                                                              since 5.14
 *
 * Before, there was no request among them; of fewer than seven arguments the verifier refuses the last one.
 */
SEC("tp_btf/io_uring_submit_sqe")
int io_uring_submit_sqe(__u64 *ctx)
{
	struct scratch *s = base__scratch();

	if (!s)
		return 0;
	if (bpf_core_type_exists(struct io_cmd_data))
		return uring__submit(base__number(s, (void *)ctx[0]));
	s->object = ctx[6];
	return uring__submit(base__number(s, (void *)ctx[1]));
}

/*
 * void *ctx, void *req, …                                        since 5.19
 * void *ctx, u64 user_data, int res, unsigned cflags             before
 *
 * The result is taken from the request, not from the ring, which user space may write.
 */
SEC("tp_btf/io_uring_complete")
int io_uring_complete(__u64 *ctx)
{
	struct scratch *s = base__scratch();
	struct io_kiocb *req = NULL;
	__u64 ring;
	__u32 call;

	if (!s || bpf_get_current_pid_tgid() >> 32 == own_tgid)
		return 0;
	if (!bpf_core_field_exists(req->cqe)) {
		uring__completed(base__number(s, (void *)ctx[0]), ctx[1], 0, (__s32)ctx[2]);
		return 0;
	}
	/* Without a request it is an answer that somebody made up, or a further one. */
	req = (void *)base__number(s, (void *)ctx[1]);
	if (!req)
		return 0;
	call = uring__call(req);
	if (call == CALL_NONE || call >= CALL_ROWS)
		return 0;
	ring = base__number(s, READ(req, ctx));
	uring__completed(ring, READ(req, cqe.user_data), (__u64)req, READ(req, cqe.res));
	return 0;
}

/*
 * The ring is full: newer kernels keep the answer aside and do not tell it as a completion.
 *
 * void io_uring_cqe_overflow(void *ctx, unsigned long long user_data, s32 res, u32 cflags, void *ocqe), since 5.19
 */
SEC("tp_btf/io_uring_cqe_overflow")
int BPF_PROG(io_uring_cqe_overflow, void *ring, __u64 user_data, __s32 res)
{
	struct scratch *s = base__scratch();

	if (!s || bpf_get_current_pid_tgid() >> 32 == own_tgid)
		return 0;
	uring__completed(base__number(s, ring), user_data, 0, res);
	return 0;
}
