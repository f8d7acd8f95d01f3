/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What the kernel keeps of a process's memory, in KiB, without what its cpus have not added up yet. */
#ifndef SAKER_EXTRACT_MEMORY_H
#define SAKER_EXTRACT_MEMORY_H

#include "helpers/base/base.h"

/* Pages as KiB. */
#define KIB(pages) ((pages) << 2)

/* One of the counters of a memory's pages, by the kernel's number of it. The distance of two is computed: an index that is no
 * constant is not relocated, and the kernel's struct percpu_counter is larger than the one here. */
INLINE __u64 extract__pages(struct mm_struct *mm, __u32 which)
{
	struct mm_struct___percpu *percpu = (void *)mm;
	__s64 n = 0;

	if (bpf_core_field_exists(percpu->rss_stat[0].count))
		bpf_probe_read_kernel(&n, sizeof(n),
		                      (void *)__builtin_preserve_access_index(&percpu->rss_stat[0].count) +
		                              (which & 3) * bpf_core_type_size(struct percpu_counter));
	else
		bpf_core_read(&n, sizeof(n), &mm->rss_stat.count[which & 3]);
	return n > 0 ? n : 0; /* what a cpu has not added yet may leave it below 0 */
}

INLINE __u64 extract__memory_size(struct mm_struct *mm)
{
	return KIB(READ(mm, total_vm));
}

INLINE __u64 extract__memory_resident(struct mm_struct *mm)
{
	return KIB(extract__pages(mm, MM_FILEPAGES) + extract__pages(mm, MM_ANONPAGES) +
	           extract__pages(mm, MM_SHMEMPAGES));
}

INLINE __u64 extract__memory_swapped(struct mm_struct *mm)
{
	return KIB(extract__pages(mm, MM_SWAPENTS));
}

#endif
