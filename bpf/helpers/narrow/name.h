/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Which rules may match a file's name. The components are hashed, eight bytes at once: zeros fill the last word, of which there is one
 * even if it is empty. The name's hash is that of its components' hashes, so a directory's is on the way to it.
 */
#ifndef SAKER_NARROW_NAME_H
#define SAKER_NARROW_NAME_H

#include "helpers/narrow/hash.h"

#define NAME_WORDS (NAME_COMPONENT_LEN / 8 + 1)
#define NAME_TEXT 8 /* where the caller's text stands in scratch.path */
#define NAME_TEXT_MAX 256
#define ALL_RULES (~0ULL)

INLINE const volatile struct name_mask *narrow__slot(__u32 slot)
{
	BARRIER_VAR(slot);
	return &name_masks[slot & (NAME_MASKS_MAX - 1)];
}

/* The rules that want the part with this key, from its slot on. */
GLOBAL __u64 narrow__find(__u64 key)
{
	const volatile struct name_mask *e;

	for (__u32 i = 0; i < NAME_PROBES; i++) {
		e = narrow__slot((key ^ key >> 32) + i);
		if (!e->mask)
			break;
		if (e->hash == key)
			return e->mask;
	}
	return 0;
}

/* The rules that may match a name with this part. Most slots are free. */
INLINE __u64 narrow__part(__u64 hash, enum name_part part)
{
	if (!(name_parts & 1 << part))
		return 0;
	hash ^= part * HASH_START;
	return narrow__slot(hash ^ hash >> 32)->mask ? narrow__find(hash) : 0;
}

/* The hash of scratch.name.text, `len` bytes and zeros behind them. */
GLOBAL __u64 narrow__component(__u32 slot, __u32 len)
{
	struct scratch *s = base__scratch_at(slot);
	__u64 hash = HASH_START;

	if (!s)
		return 0;
	for (__u32 i = 0; i < NAME_WORDS; i++) {
		hash = narrow__hash(hash, ((__u64 *)s->name.text)[i]);
		if (i >= len / 8)
			break;
	}
	return hash;
}

#define EACH_BYTE(b) ((b) * 0x0101010101010101ULL)

/*
 * Hashes the component of the caller's text that begins at scratch.path[name.at]; a slash stands behind the text. Returns 0 if the text is
 * not one whose names can be told by its letters: a component is empty, ".", ends with "..", or is too long.
 */
GLOBAL int narrow__given_component(__u32 slot)
{
	struct scratch *s = base__scratch_at(slot);
	__u64 hash = HASH_START, word, slashes;
	__u32 at, begin, len = 0;
	struct name_scan *n;

	if (!s)
		return 0;
	n = &s->name;
	at = begin = n->at;
	for (int i = 0; i < NAME_WORDS; i++) {
		BARRIER_VAR(at);
		word = *(__u64 *)&s->path[at & (PATH_LEN_MAX - 1)];
		/* The lowest bit that is set is the highest of the first byte that is a slash. */
		slashes = word ^ EACH_BYTE('/');
		slashes = (slashes - EACH_BYTE(1)) & ~slashes & EACH_BYTE(0x80);
		if (slashes) {
			__u64 before = ((slashes & -slashes) >> 7) - 1;

			len = at - begin + ((before & EACH_BYTE(1)) * EACH_BYTE(1) >> 56);
			hash = narrow__hash(hash, word & before);
			if (!n->given_count)
				n->given_head = (i ? n->given_head : word & before) & 0xffffff;
			break;
		}
		if (!i && !n->given_count)
			n->given_head = word;
		hash = narrow__hash(hash, word);
		at += 8;
	}
	if (!len || len > NAME_COMPONENT_LEN || n->given_count >= NAME_COMPONENTS)
		return 0;
	at = begin + len;
	BARRIER_VAR(at);
	n->given_tail = *(__u32 *)&s->path[(at - 4) & (PATH_LEN_MAX - 1)];
	if (n->given_tail >> 16 == ('.' << 8 | '.') && len > 1)
		return 0;
	if (len == 1 && n->given_tail >> 24 == '.')
		return 0;
	if (len < 4)
		n->given_tail = 0;
	n->given[n->given_count++ & (NAME_COMPONENTS - 1)] = hash;
	n->at = at + 1;
	return 1;
}

/* Hashes the components of the caller's text, `len` bytes at scratch.path[NAME_TEXT]. Returns 0 if that can't be. */
GLOBAL int narrow__given(__u32 slot, __u32 len)
{
	struct scratch *s = base__scratch_at(slot);
	struct name_scan *n;
	__u32 end = NAME_TEXT + len;

	if (!s || !len || len > NAME_TEXT_MAX)
		return 0;
	n = &s->name;
	n->at = NAME_TEXT + (s->path[NAME_TEXT] == '/');
	n->given_count = n->given_head = n->given_tail = 0;
	BARRIER_VAR(end);
	s->path[end & (PATH_LEN_MAX - 1)] = '/';
	for (int i = 0; i < NAME_COMPONENTS; i++) {
		if (n->at >= end)
			break;
		if (!narrow__given_component(slot))
			return 0;
	}
	return n->at >= end;
}

/* Of a name: which of the scan's lists it is in, and where there. */
enum name_list { NAME_KERNEL, NAME_GIVEN };

INLINE __u64 narrow__at(const struct name_scan *n, enum name_list list, __u32 i)
{
	BARRIER_VAR(i);
	return list == NAME_GIVEN ? n->given[i & (NAME_COMPONENTS - 1)] : n->component[i & (NAME_COMPONENTS - 1)];
}

/* Adds a component to the name that is being looked up. A function of its own, so that it is verified once and not for each of them. */
GLOBAL int narrow__look_up(__u32 slot, __u32 list, __u32 i)
{
	struct scratch *s = base__scratch_at(slot);
	struct name_scan *n;
	__u64 component;

	if (!s)
		return 0;
	n = &s->name;
	component = narrow__at(n, list, i);
	n->directory = n->hash;
	n->hash = narrow__hash(n->hash, component);
	n->mask |= narrow__part(n->hash, NAME_BELOW) | narrow__part(component, NAME_COMPONENT);
	if (list == NAME_KERNEL && i + 1 + n->below == NAME_COMPONENTS)
		n->point = n->hash;
	return 0;
}

/* Looks up what is known at the end of the name. */
GLOBAL int narrow__look_up_end(__u32 slot, __u32 list, __u32 last)
{
	struct scratch *s = base__scratch_at(slot);
	struct name_scan *n;

	if (!s)
		return 0;
	n = &s->name;
	n->mask |= narrow__part(n->hash, NAME_WHOLE);
	n->mask |= narrow__part(n->directory, NAME_DIRECTORY);
	n->mask |= narrow__part(narrow__at(n, list, last), NAME_LAST);
	n->mask |= narrow__part(list == NAME_GIVEN ? n->given_head : n->head, NAME_HEAD);
	n->mask |= narrow__part(list == NAME_GIVEN ? n->given_tail : n->tail, NAME_TAIL);
	return 0;
}

/* The rules that may match a name: the components from `first` to `end` of a list. Of the kernel's it notes the hash of the mount
 * point. */
GLOBAL __u64 narrow__name(__u32 slot, __u32 list, __u32 first, __u32 end)
{
	struct scratch *s = base__scratch_at(slot);
	struct name_scan *n;

	if (!s)
		return ALL_RULES;
	n = &s->name;
	n->hash = n->directory = HASH_START;
	n->mask = 0;
	if (list == NAME_KERNEL)
		n->point = HASH_START;
	for (__u32 i = 0; i < NAME_COMPONENTS; i++) {
		if (first + i >= end)
			break;
		narrow__look_up(slot, list, first + i);
	}
	if (first >= end) /* the root */
		return narrow__part(HASH_START, NAME_WHOLE) | narrow__part(HASH_START, NAME_BELOW);
	narrow__look_up_end(slot, list, end - 1);
	return n->mask;
}

#endif
