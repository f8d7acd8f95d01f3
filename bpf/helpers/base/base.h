/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#ifndef SAKER_BASE_H
#define SAKER_BASE_H

#include "helpers/base/read.h"

#define INLINE static __always_inline
/* Global functions are verified once, on their own, for any arguments; so they take only numbers (a pointer to a kernel
 * object is one, read through bpf_probe_read_kernel) and find the scratch buffer by themselves. */
#define GLOBAL __noinline

/* Stops clang from proving a bound away that the verifier has to see. */
#define BARRIER_VAR(v) asm volatile("" : "+r"(v))

INLINE struct kernel_counters *base__counters(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counters, &zero);
}

INLINE struct scratch *base__scratch_at(__u32 slot)
{
	return bpf_map_lookup_elem(&scratch, &slot);
}

INLINE struct scratch *base__scratch(void)
{
	return base__scratch_at(bpf_get_smp_processor_id());
}

/* A kernel pointer as a plain number: the verifier forgets a pointer's type when it has been through a map. */
INLINE __u64 base__number(struct scratch *s, const void *pointer)
{
	s->object = (__u64)pointer;
	return s->object;
}

#endif
