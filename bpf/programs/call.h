/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The interpreter of recipes: makes the record of any system call that has a row in the table, or of one without. A door
 * (sys_exit, socketcall, ipc, io_uring) has put the call into scratch.call.
 */
#ifndef SAKER_CALL_H
#define SAKER_CALL_H

#include "helpers/param/text.h"
#include "helpers/param/bytes.h"
#include "helpers/param/descriptor.h"
#include "helpers/param/polled.h"
#include "helpers/narrow/process.h"
#include "helpers/param/asked.h"

/* Puts the parameter's data at `off` of the record and returns their length. */
GLOBAL __u32 call__param(__u32 index, __u32 off)
{
	const volatile struct param_recipe *r;
	struct scratch *s = base__scratch();
	struct param_value *v;

	if (!s)
		return 0;
	v = param__value(s, index);
	if (s->call.ring && param__asked(index, off))
		return v->len;
	v->number = 0;
	v->len = v->flags = 0;
	r = param__recipe(s, index);
	if (r->rules & PARAM_IF_OK && ((__s64)param__arg(s, ARG_RESULT) < 0 || s->call.flags & FLAG_NO_RESULT)) {
		v->flags = PARAM_MISSING;
		return 0;
	}
	switch (r->source) {
	case SOURCE_ARG:
		v->number = param__arg(s, r->arg);
		return 0;
	case SOURCE_NUMBER:
		return param__number(index);
	case SOURCE_STRING:
		return param__string(index, off);
	case SOURCE_PATH:
		return param__path(index, off);
	case SOURCE_BYTES:
		return param__bytes(index, off);
	case SOURCE_POLLED:
		return param__polled(index, off);
	case SOURCE_VECTOR:
	case SOURCE_VECTOR_SIZE:
	case SOURCE_MESSAGE:
	case SOURCE_MESSAGE_SIZE:
		return param__vector(index, off);
	case SOURCE_ADDRESS:
	case SOURCE_MESSAGE_ADDRESS:
		return param__address(index, off);
	case SOURCE_DESCRIPTOR:
	case SOURCE_DESCRIPTOR_AT:
		return param__descriptor(index, off);
	case SOURCE_MEMORY:
		return param__memory(index);
	case SOURCE_CRED:
		return param__cred(index);
	}
	return 0;
}

/* Puts all parameters of the recipe into the record, from `off` on; returns the record's length. A function of its own, so that
 * what follows is verified once and not for every number of parameters. */
GLOBAL __u32 call__params(__u32 params, __u32 off)
{
	struct scratch *s = base__scratch();
	__u32 len;

	if (!s)
		return 0;
	for (__u32 i = 0; i < CALL_PARAMS_MAX; i++) {
		if (i >= params)
			break;
		len = call__param(i, off);
		param__value(s, i)->len = len;
		off += len;
	}
	return off;
}

/* The rules that may match the call. A ring's request has no result before it is answered, and may run in another task. */
INLINE __u64 call__mask(struct scratch *s, __u32 row)
{
	__u64 mask;

	if (s->call.flags & FLAG_NO_RESULT)
		return row_masks[row][0] | row_masks[row][1];
	mask = row_masks[row][(__s64)s->call.arg[ARG_RESULT] >= 0];
	if (s->call.flags & FLAG_IO_URING)
		return mask; /* a request may be answered in another task */
	return mask && !s->call.ring ? mask & narrow__process() : mask;
}

/* Sends the record of the call in scratch.call. That of a request to a ring it sends when it is answered, and before only makes it;
 * returns its length, 0 if no rule is about it. */
GLOBAL __u32 call__record(void)
{
	struct scratch *s = base__scratch();
	struct call_record *r;
	__u32 row, params, len;

	if (!s)
		return 0;
	row = s->call.row & (CALL_ROWS_MAX - 1);
	BARRIER_VAR(row);
	row &= CALL_ROWS_MAX - 1;
	if (!call__mask(s, row))
		return 0;
	params = recipes[row].params;
	r = (void *)s->record;
	if (s->call.ring && s->call.asked)
		param__header(s);
	else
		store__begin(RECORD_CALL);
	r->h.flags = s->call.flags;
	r->ret = s->call.arg[ARG_RESULT];
	r->nr = s->call.nr;
	r->call = CALL_ROWS + row;
	r->params = params;
	len = sizeof(*r) + params * sizeof(struct param_value);
	s->call.data_at = len;
	len = call__params(params, len);
	if (!(s->call.flags & FLAG_NO_RESULT))
		store__submit(s, RING_BULK, len);
	return len;
}

#endif
