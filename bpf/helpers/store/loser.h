/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#ifndef SAKER_STORE_LOSER_H
#define SAKER_STORE_LOSER_H

#include "helpers/base/base.h"

/* A candidate that has lost nothing for so long has no votes any more: the next flood is not laid at its door. */
#define VOTES_LAST_NS 1000000000ULL

/*
 * Each lost record is a vote on who floods. The last one to meet a full ring may be a bystander, and a count for each
 * process has no bound; the majority vote of Boyer and Moore keeps one candidate: a vote for it adds to its votes, one
 * for somebody else takes one away, and who comes when there are none is the next candidate. A process that loses more
 * than all others together is the candidate in the end.
 */
INLINE void store__vote(struct loser *l, struct record_header *h)
{
	bool same = l->tgid == h->tgid && l->start_time == h->start_time;

	if (!same && l->votes > 0 && h->time - l->time < VOTES_LAST_NS) {
		l->votes--;
		return;
	}
	if (!same) {
		l->tgid = h->tgid;
		l->start_time = h->start_time;
		l->votes = 0;
	}
	l->cgroup_id = h->cgroup_id;
	l->time = h->time;
	l->votes++;
	bpf_get_current_comm(l->comm, sizeof(l->comm));
}

#endif
