/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * A request to a ring is recorded twice: when it is asked for, because paths, addresses and data are there then and the caller may
 * write over them afterwards; and when it is answered. The second time what does not depend on the answer is taken from the first
 * record.
 */
#ifndef SAKER_PARAM_ASKED_H
#define SAKER_PARAM_ASKED_H

#include "helpers/param/param.h"

/* Begins the record of an answer with the header of the request: its caller's. */
INLINE void param__header(struct scratch *s)
{
	struct record_header *h = (void *)s->record;

	if (bpf_probe_read_kernel(h, sizeof(*h), (void *)s->call.asked))
		__builtin_memset(h, 0, sizeof(*h));
	h->cpu = bpf_get_smp_processor_id();
	h->time = bpf_ktime_get_boot_ns();
}

/* Tells whether a parameter depends on the answer. */
INLINE bool param__is_late(struct scratch *s, const volatile struct param_recipe *r)
{
	if (s->call.rules & URING_FILLS || r->rules & (PARAM_IF_OK | PARAM_MAX_RESULT))
		return true;
	if (r->source == SOURCE_DESCRIPTOR || r->source == SOURCE_DESCRIPTOR_AT)
		return !(r->rules & PARAM_AT_ENTRY);
	return r->arg == ARG_RESULT;
}

/* Takes a parameter, with its data at `off`, from the record of the request; returns false if there is none, or if it depends on the
 * answer. It is called for each of them in their order. */
GLOBAL int param__asked(__u32 index, __u32 off)
{
	const volatile struct param_recipe *r;
	struct scratch *s = base__scratch();
	struct param_value *v;
	__u32 at, len;

	if (!s || !s->call.asked)
		return false;
	v = param__value(s, index);
	r = param__recipe(s, index);
	index &= CALL_PARAMS_MAX - 1;
	if (bpf_probe_read_kernel(v, sizeof(*v),
	                          (void *)(s->call.asked + sizeof(struct call_record) + index * sizeof(*v))))
		return false;
	at = s->call.data_at;
	len = v->len;
	s->call.data_at = at + len;
	if (param__is_late(s, r))
		return false;
	BARRIER_VAR(len);
	if (len > URING_RECORD_MAX || at > URING_RECORD_MAX - len ||
	    bpf_probe_read_kernel(store__at(s, off), len, (void *)(s->call.asked + at)))
		v->len = 0;
	return true;
}

#endif
