/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#ifndef SAKER_PARAM_BYTES_H
#define SAKER_PARAM_BYTES_H

#include "helpers/param/number.h"

#define VECTOR_MAX 16 /* buffers of one call that are looked at */

/* How many of `n` bytes there are after the call: with PARAM_MAX_RESULT no more than it returned, none if it failed. */
INLINE __u64 param__filled(struct scratch *s, const volatile struct param_recipe *r, __u64 n)
{
	__s64 result = param__arg(s, ARG_RESULT);

	if (!(r->rules & PARAM_MAX_RESULT))
		return n;
	if (result < 0)
		return 0;
	return n > result ? result : n;
}

/* Tells whether the call was to fill the parameter in and failed. */
INLINE bool param__unfilled(struct scratch *s, const volatile struct param_recipe *r)
{
	return r->rules & PARAM_MAX_RESULT && (__s64)param__arg(s, ARG_RESULT) < 0;
}

/* How many of `n` bytes are copied. */
INLINE __u32 param__limit(const volatile struct param_recipe *r, __u64 n)
{
	__u32 max = r->max ?: data_len;

	if (max > DATA_LEN_MAX)
		max = DATA_LEN_MAX;
	return n > max ? max : n;
}

/* SOURCE_BYTES. */
GLOBAL __u32 param__bytes(__u32 index, __u32 off)
{
	const volatile struct param_recipe *r;
	struct scratch *s = base__scratch();
	struct param_value *v;
	__u64 ptr, all = 1;
	__u32 n;

	if (!s)
		return 0;
	v = param__value(s, index);
	r = param__recipe(s, index);
	ptr = param__arg(s, r->arg);
	if (r->with != ARG_NONE)
		all = param__arg(s, r->with);
	if (r->offset)
		all = param__user_number(all, 0, 4);
	all = param__filled(s, r, all * (r->size ?: 1));
	n = param__limit(r, all);
	BARRIER_VAR(n);
	if (n > DATA_LEN_MAX)
		n = DATA_LEN_MAX;
	if (!ptr || param__unfilled(s, r) || bpf_probe_read_user(store__at(s, off), n, (void *)ptr)) {
		v->flags |= PARAM_MISSING;
		return 0;
	}
	if (n < all)
		v->flags |= PARAM_TRUNCATED;
	v->number = all;
	return n;
}

/* Copies up to `room` bytes of one buffer to `off`; returns how many. */
GLOBAL __u32 param__buffer(__u32 off, __u64 base, __u64 len, __u32 room)
{
	struct scratch *s = base__scratch();
	__u32 n = len < room ? len : room;

	BARRIER_VAR(n);
	if (!s || n > DATA_LEN_MAX || bpf_probe_read_user(store__at(s, off), n, (void *)base))
		return 0;
	return n;
}

/* Copies up to `max` bytes of the buffers of an iovec to `off`. Returns how many, and the sum of their lengths above. */
GLOBAL __u64 param__buffers(__u32 off, __u64 vector, __u32 count, __u32 max)
{
	struct scratch *s = base__scratch();
	__u64 sum = 0, base, len;
	__u32 done = 0, word;

	if (!s)
		return 0;
	word = s->call.narrow ? 4 : 8;
	s->call.unreadable = false;
	for (__u32 i = 0; i < VECTOR_MAX; i++) {
		if (i >= count)
			break;
		base = param__user_number(vector, 2 * i * word, word);
		len = param__user_number(vector, (2 * i + 1) * word, word);
		sum += len;
		done += param__buffer(off + done, base, len, max - done);
	}
	return sum << 16 | (done & 0xffff);
}

/* The fields of struct user_msghdr (linux/socket.h), in words of the caller. */
enum message_word {
	MESSAGE_NAME,
	MESSAGE_NAME_LEN,
	MESSAGE_VECTOR,
	MESSAGE_COUNT,
	MESSAGE_CONTROL,
	MESSAGE_CONTROL_LEN,
};

INLINE __u64 param__message_word(struct scratch *s, __u64 message, enum message_word which)
{
	__u32 word = s->call.narrow ? 4 : 8;

	return param__user_number(message, which * word, which == MESSAGE_NAME_LEN ? 4 : word);
}

/* SOURCE_VECTOR, SOURCE_MESSAGE and their sizes. */
GLOBAL __u32 param__vector(__u32 index, __u32 off)
{
	const volatile struct param_recipe *r;
	struct scratch *s = base__scratch();
	__u64 vector, count, got;
	struct param_value *v;
	__u32 max;

	if (!s)
		return 0;
	v = param__value(s, index);
	r = param__recipe(s, index);
	vector = param__arg(s, r->arg);
	count = param__arg(s, r->with);
	if (r->source == SOURCE_MESSAGE || r->source == SOURCE_MESSAGE_SIZE) {
		count = param__message_word(s, vector, MESSAGE_COUNT);
		vector = param__message_word(s, vector, MESSAGE_VECTOR);
	}
	max = param__filled(s, r, DATA_LEN_MAX);
	max = param__limit(r, max);
	if (r->source == SOURCE_VECTOR_SIZE || r->source == SOURCE_MESSAGE_SIZE)
		max = 0;
	got = param__buffers(off, vector, count > VECTOR_MAX ? VECTOR_MAX : count, max);
	v->number = param__filled(s, r, got >> 16);
	if (r->source == SOURCE_VECTOR_SIZE || r->source == SOURCE_MESSAGE_SIZE)
		return 0;
	if (!vector || param__unfilled(s, r)) {
		v->flags |= PARAM_MISSING;
		return 0;
	}
	if ((got & 0xffff) < v->number)
		v->flags |= PARAM_TRUNCATED;
	return got & 0xffff;
}

#define ADDRESS_LEN_MAX 128 /* struct sockaddr_storage */

/* Copies an address of the caller, or the kernel's copy of it. */
INLINE long param__copy_address(struct scratch *s, void *to, __u32 len, __u64 from)
{
	if (s->call.ring && s->call.kernel_address)
		return bpf_probe_read_kernel(to, len, (void *)from);
	return bpf_probe_read_user(to, len, (void *)from);
}

/* SOURCE_ADDRESS and SOURCE_MESSAGE_ADDRESS: a struct sockaddr as the caller has it. */
GLOBAL __u32 param__address(__u32 index, __u32 off)
{
	const volatile struct param_recipe *r;
	struct scratch *s = base__scratch();
	struct param_value *v;
	__u64 ptr, len;
	__u32 n;

	if (!s)
		return 0;
	v = param__value(s, index);
	r = param__recipe(s, index);
	ptr = param__arg(s, r->arg);
	len = param__arg(s, r->with);
	if (r->source == SOURCE_MESSAGE_ADDRESS) {
		len = param__message_word(s, ptr, MESSAGE_NAME_LEN);
		ptr = param__message_word(s, ptr, MESSAGE_NAME);
	} else if (r->offset) {
		len = param__user_number(len, 0, 4);
	}
	n = len > ADDRESS_LEN_MAX ? ADDRESS_LEN_MAX : len;
	BARRIER_VAR(n);
	if (n > ADDRESS_LEN_MAX)
		n = ADDRESS_LEN_MAX;
	if (!ptr || n < 2 || param__copy_address(s, store__at(s, off), n, ptr)) {
		v->flags |= PARAM_MISSING;
		return 0;
	}
	return n;
}

#endif
