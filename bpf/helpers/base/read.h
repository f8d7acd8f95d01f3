/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * READ(pointer, field, field...) follows a chain of kernel pointers. Where the kernel can turn a plain number into a
 * typed pointer (since 6.2), each step is one load, checked by an exception table; before that, a call of
 * bpf_probe_read_kernel, which costs five times as much. The verifier drops the branch that this kernel does not take.
 */
#ifndef SAKER_READ_H
#define SAKER_READ_H

#include "maps.h"

extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

/* clang-format off */
#define READ_1(p, f)                                                                                                \
	({                                                                                                          \
		typeof((p)->f) __v;                                                                                 \
		if (bpf_rdonly_cast)                                                                                \
			__v = ((typeof(p))bpf_rdonly_cast((p), bpf_core_type_id_kernel(typeof(*(p)))))->f;          \
		else                                                                                                \
			bpf_core_read(&__v, sizeof(__v), &(p)->f);                                                  \
		__v;                                                                                                \
	})
#define READ_2(p, a, b) ({ typeof((p)->a) __p2 = READ_1(p, a); READ_1(__p2, b); })
#define READ_3(p, a, b, c) ({ typeof((p)->a) __p3 = READ_1(p, a); READ_2(__p3, b, c); })
#define READ_N(_1, _2, _3, N, ...) READ_##N
#define READ(p, ...) READ_N(__VA_ARGS__, 3, 2, 1)(p, __VA_ARGS__)
/* clang-format on */

#endif
