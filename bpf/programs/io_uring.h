/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What a ring of io_uring is asked for. No system call of its own tells of it.
 *
 * Names, addresses and data are taken when the request is submitted: the kernel's own copies are gone when it is answered, and the
 * caller's memory may be another one by then. The result comes with the answer, and with it the file or socket. In between the record
 * waits in a bounded table; whoever finds its place taken sends the older one as it is, without a result. So each request makes
 * a record at least once, also where no answer is ever told: a request may ask for none (IOSQE_CQE_SKIP_SUCCESS).
 *
 * An answer is told in the task that carried the request out: the submitter, a worker of its, or the ring's polling thread. All
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
	return bpf_map_lookup_elem(&uring_requests, &number);
}

/* The bucket of a place's number in the whole table, from 1. */
INLINE struct uring_bucket *uring__at(__u32 number)
{
	return uring__bucket((number - 1) / URING_PLACES);
}

INLINE struct uring_key *uring__key(struct uring_bucket *b, __u32 number)
{
	number--;
	BARRIER_VAR(number);
	return &b->keys[number & (URING_PLACES - 1)];
}

INLINE struct uring_request *uring__kept(struct uring_bucket *b, __u32 number)
{
	number--;
	BARRIER_VAR(number);
	return &b->requests[number & (URING_PLACES - 1)];
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

/* Completes the open in the scratch buffer by its file and sends it, if a rule may be about it. */
INLINE void uring__end_open(struct scratch *s, struct task_struct *task, bool named, __u64 ctx, __u32 slot)
{
	struct open_record *r = (void *)s->record;
	struct file *file = NULL;
	__u64 mask;

	if (r->ret >= 0 && !(r->h.flags & FLAG_NO_RESULT))
		file = slot ? extract__fixed_file((void *)ctx, slot, r->ret) : extract__file(task, r->ret);
	if (r->ret < 0)
		mask = open__mask(r->call, r->open_flags, OPEN_FAILED);
	else if (file)
		mask = open__mask(r->call, r->open_flags, open__outcome(file));
	else
		mask = uring__any_outcome(r->call, r->open_flags);
	if (mask)
		open__end((__u64)task, named, (__u64)file);
}

/* Copies the record at the address of a struct uring_request into the scratch buffer; returns its length, 0 if there is none. */
INLINE __u32 uring__load(struct scratch *s, __u64 request)
{
	struct uring_request *kept = (void *)request;
	__u32 size = 0;

	bpf_probe_read_kernel(&size, sizeof(size), &kept->size);
	BARRIER_VAR(size);
	if (size > URING_RECORD_MAX || bpf_probe_read_kernel(s->record, size, kept->record))
		return 0;
	return size;
}

/* Sends the record in the scratch buffer, of so many bytes, without a result. */
GLOBAL int uring__send(__u32 size)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct scratch *s = base__scratch();
	struct record_header *h;

	if (!s || !size)
		return 0;
	h = (void *)s->record;
	h->cpu = bpf_get_smp_processor_id();
	h->flags |= FLAG_NO_RESULT;
	if (h->type == RECORD_OPEN)
		uring__end_open(s, READ(task, tgid) == h->tgid ? task : NULL, true, 0, 0);
	else
		store__submit(s, RING_BULK, size);
	return 0;
}

/* Finds a place for a new request and holds it. Where all are taken the first one's record is sent. Returns URING_PLACES if there
 * is none. */
INLINE __u32 uring__place(struct scratch *s, struct uring_bucket *b)
{
	for (__u32 i = 0; i < URING_PLACES; i++) {
		if (b->keys[i].state == URING_WAITS || !uring__hold(&b->keys[i]))
			continue;
		if (b->keys[i].state != URING_WAITS)
			return i;
		uring__let_go(&b->keys[i]);
	}
	uring__unmatched();
	if (!uring__hold(&b->keys[0]))
		return URING_PLACES;
	if (b->keys[0].state == URING_WAITS)
		uring__send(uring__load(s, base__number(s, &b->requests[0])));
	b->keys[0].state = URING_FREE;
	return 0;
}

/* Holds a place for the request in scratch.call. Returns its number, from 1, in the whole table; 0 if there is none. */
GLOBAL __u32 uring__take(__u64 req_ptr)
{
	struct io_kiocb *req = (void *)req_ptr;
	struct scratch *s = base__scratch();
	struct uring_bucket *b;
	__u32 bucket, place;

	if (!s)
		return 0;
	bucket = uring__hash(s->call.ring, extract__user_data(req));
	b = uring__bucket(bucket);
	if (!b)
		return 0;
	place = uring__place(s, b);
	return place < URING_PLACES ? 1 + bucket * URING_PLACES + place : 0;
}

/* Keeps the record in the scratch buffer, of so many bytes, at a place that uring__take gave, until the request is answered. Sends it
 * if there is no such place, or no answer may be told. */
GLOBAL int uring__keep(__u64 req_ptr, __u32 number, __u32 size)
{
	struct io_kiocb *req = (void *)req_ptr;
	struct scratch *s = base__scratch();
	struct uring_request *kept;
	struct uring_bucket *b;
	struct uring_key *k;

	if (!s)
		return 0;
	b = uring__at(number);
	if (!b || !number) {
		uring__send(size);
		return 0;
	}
	k = uring__key(b, number);
	kept = uring__kept(b, number);
	BARRIER_VAR(size);
	if (size > URING_RECORD_MAX) {
		uring__unmatched();
		uring__send(size);
	} else if (size && !bpf_probe_read_kernel(kept->record, size, s->record)) {
		kept->call = s->call;
		kept->size = size;
		k->ctx = s->call.ring;
		k->user_data = extract__user_data(req);
		k->req = req_ptr;
		k->state = URING_WAITS;
		if (READ(req, flags) & IOSQE_CQE_SKIP_SUCCESS) {
			uring__send(size);
			k->state = URING_TOLD;
		}
	}
	uring__let_go(k);
	return 0;
}

/* The arguments of the open in scratch.call. */
INLINE void uring__open_args(struct scratch *s)
{
	s->open.dirfd = s->call.arg[0];
	s->open.flags = s->call.arg[2];
	s->open.mode = s->call.arg[3];
	s->open.resolve = s->call.arg[4];
}

/* Makes the record of the open in scratch.call, with its name alone; returns its length. */
GLOBAL __u32 uring__open(__u32 call)
{
	struct scratch *s = base__scratch();
	struct open_record *r;

	if (!s)
		return 0;
	uring__open_args(s);
	r = (void *)s->record;
	open__begin(r, &s->open, call, 0);
	r->h.flags |= FLAG_IO_URING;
	r->raw_len = store__kernel_string(s, sizeof(*r), (void *)s->call.arg[1]) & (PATH_LEN_MAX - 1);
	return sizeof(*r) + r->raw_len;
}

/* Sends the open that scratch.call was asked for, and that waits at a place, with its answer. */
GLOBAL int uring__opened(__u32 number)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct uring_bucket *b = uring__at(number);
	struct scratch *s = base__scratch();
	struct open_record *r;

	if (!b || !s)
		return 0;
	r = (void *)s->record;
	if (!uring__load(s, base__number(s, uring__kept(b, number))))
		return 0;
	r->ret = s->call.arg[ARG_RESULT];
	r->h.cpu = bpf_get_smp_processor_id();
	r->h.time = bpf_ktime_get_boot_ns();
	uring__end_open(s, s->call.foreign ? NULL : task, true, s->call.ring, s->call.slot);
	return 0;
}

/* An answer to an open whose submission was not kept, or that never got so far: its name could not be read. */
GLOBAL int uring__unknown(__u64 req_ptr, __s64 ret)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct io_kiocb *req = (void *)req_ptr;
	struct scratch *s = base__scratch();
	struct open_record *r;
	__u32 call;

	if (!s)
		return 0;
	call = uring__call(req);
	uring__request(req_ptr, READ(req, opcode));
	if (s->call.arg[1])
		uring__unmatched();
	if (READ(task, flags) & PF_KTHREAD)
		return 0; /* whose it was is not told any more */
	r = (void *)s->record;
	uring__open_args(s);
	open__begin(r, &s->open, call, ret);
	r->h.flags |= FLAG_IO_URING | FLAG_RAW_TRUNCATED;
	uring__end_open(s, task, false, s->call.ring, s->call.slot);
	return 0;
}

/* Tells whether a place has the request of an answer, and holds it then. */
GLOBAL int uring__is_at(__u32 number, __u64 ctx, __u64 user_data, __u64 req)
{
	struct uring_bucket *b = uring__at(number);
	struct uring_key *k;

	if (!b)
		return false;
	k = uring__key(b, number);
	if (k->state == URING_FREE || k->ctx != ctx || k->user_data != user_data || (req && k->req != req))
		return false;
	return uring__hold(k);
}

/* Puts the held request of an answer back into scratch.call; lets it go and returns 0 if it can't have this one. */
GLOBAL int uring__found(__u32 number, __s64 ret, __u32 more)
{
	struct uring_bucket *b = uring__at(number);
	struct scratch *s = base__scratch();
	struct uring_key *k;

	if (!b || !s)
		return 0;
	k = uring__key(b, number);
	uring__resume(base__number(s, uring__kept(b, number)), k->req, ret);
	if (!more || s->call.rules & URING_SEVERAL)
		return 1;
	uring__let_go(k);
	return 0;
}

/* Finds the request of an answer. `req` is 0 where the kernel does not say which it is, `more` tells that it is not the last one. Returns
 * its place's number, from 1, and the request is in scratch.call then; 0 if there is none. */
GLOBAL __u32 uring__answered(__u64 ctx, __u64 user_data, __u64 req, __s64 ret, __u32 more)
{
	__u32 number = 1 + uring__hash(ctx, user_data) * URING_PLACES;

	for (__u32 i = 0; i < URING_PLACES; i++) {
		if (uring__is_at(number + i, ctx, user_data, req))
			return uring__found(number + i, ret, more) ? number + i : 0;
	}
	return 0;
}

/* Lets the place of an answered request go, and frees it unless there are more answers to come. */
INLINE void uring__done(__u32 number, bool more)
{
	struct uring_bucket *b = uring__at(number);
	struct uring_key *k;

	if (!b)
		return;
	k = uring__key(b, number);
	if (!more)
		k->state = URING_FREE;
	uring__let_go(k);
}

/* What a ring is asked for. The parts are called from here, not from deeper: a chain of calls has eight frames at most. */
INLINE int uring__submit(__u64 req_ptr)
{
	struct io_kiocb *req = (void *)req_ptr;
	struct scratch *s = base__scratch();
	__u32 call = uring__call(req);
	__u32 place;

	if (!s || call == CALL_NONE || bpf_get_current_pid_tgid() >> 32 == own_tgid)
		return 0;
	uring__request(req_ptr, READ(req, opcode));
	if (call < CALL_ROWS && !uring__any_outcome(call, s->call.arg[2]))
		return 0;
	place = uring__take(req_ptr);
	uring__keep(req_ptr, place, call < CALL_ROWS ? uring__open(call) : call__record());
	return 0;
}

/* What a ring answers. */
INLINE int uring__answer(__u64 ctx, __u64 user_data, __u64 req, __s64 ret, bool more)
{
	__u32 number = uring__answered(ctx, user_data, req, ret, more);
	struct scratch *s = base__scratch();

	if (!s)
		return 0;
	if (!number) {
		if (req && uring__call((void *)req) < CALL_ROWS)
			uring__unknown(req, ret);
		return 0;
	}
	if (s->call.rules & URING_OPENS)
		uring__opened(number);
	else
		call__record();
	uring__done(number, more);
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
 * void *ctx, void *req, struct io_uring_cqe *cqe                 since 6.13
 * void *ctx, void *req, u64 user_data, int res, unsigned cflags, …   since 5.19
 * void *ctx, u64 user_data, int res, unsigned cflags             before
 *
 * The result is taken from the request, not from the ring, which user space may write. Where there is no request it is an answer
 * that somebody made up (IORING_OP_MSG_RING), or one of several to a request that says that it may have them.
 */
SEC("tp_btf/io_uring_complete")
int io_uring_complete(__u64 *ctx)
{
	struct scratch *s = base__scratch();
	struct io_uring_cqe *cqe;
	struct io_kiocb *req = NULL;
	__u64 ring;

	if (!s || bpf_get_current_pid_tgid() >> 32 == own_tgid)
		return 0;
	ring = base__number(s, (void *)ctx[0]);
	if (!bpf_core_field_exists(req->cqe))
		return uring__answer(ring, ctx[1], 0, (__s32)ctx[2], false);
	req = (void *)base__number(s, (void *)ctx[1]);
	if (!req) {
		if (!uring_answer_is_cqe)
			return ctx[4] & IORING_CQE_F_MORE ? uring__answer(ring, ctx[2], 0, (__s32)ctx[3], true) : 0;
		cqe = (void *)base__number(s, (void *)ctx[2]);
		if (READ(cqe, flags) & IORING_CQE_F_MORE)
			uring__answer(ring, READ(cqe, user_data), 0, READ(cqe, res), true);
		return 0;
	}
	if (uring__call(req) == CALL_NONE)
		return 0;
	return uring__answer(ring, READ(req, cqe.user_data), (__u64)req, READ(req, cqe.res), false);
}

/*
 * The ring is full: newer kernels keep the answer aside and do not tell it as a completion.
 *
 * void io_uring_cqe_overflow(void *ctx, unsigned long long user_data, s32 res, u32 cflags, void *ocqe), since 5.19
 */
SEC("tp_btf/io_uring_cqe_overflow")
int BPF_PROG(io_uring_cqe_overflow, void *ring, __u64 user_data, __s32 res, __u32 flags)
{
	struct scratch *s = base__scratch();

	if (!s || bpf_get_current_pid_tgid() >> 32 == own_tgid)
		return 0;
	return uring__answer(base__number(s, ring), user_data, 0, res, flags & IORING_CQE_F_MORE);
}
