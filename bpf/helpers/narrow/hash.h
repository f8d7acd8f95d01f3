/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#ifndef SAKER_NARROW_HASH_H
#define SAKER_NARROW_HASH_H

#include "helpers/base/base.h"

/* Hashes of words (internal/narrow/hash.go says the same). Not for what an opponent may collide: a collision lets more through. */
#define HASH_START 0xcbf29ce484222325ULL
#define HASH_NONE 1 /* no name has it */
#define HASH_FACTOR 0x9e3779b97f4a7c15ULL

/* What is multiplied moves up alone, so the upper half is mixed into the lower one. */
INLINE __u64 narrow__hash(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * HASH_FACTOR;
	return hash ^ hash >> 32;
}

#endif
