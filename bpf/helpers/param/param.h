/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * One parameter of the system call at hand (scratch.call): its recipe, and its value in the record that is being built. The
 * functions of this folder each get one kind of source. They are global, so the verifier walks each once, however many calls
 * use it; so they take the parameter's index and the offset of its data, and return the length of the data.
 */
#ifndef SAKER_PARAM_H
#define SAKER_PARAM_H

#include "helpers/store/record.h"

INLINE const volatile struct param_recipe *param__recipe(struct scratch *s, __u32 index)
{
	__u32 row = s->call.row & (CALL_ROWS_MAX - 1);

	BARRIER_VAR(row);
	return &recipes[row & (CALL_ROWS_MAX - 1)].param[index & (CALL_PARAMS_MAX - 1)];
}

INLINE struct param_value *param__value(struct scratch *s, __u32 index)
{
	return (void *)&s
	        ->record[sizeof(struct call_record) + (index & (CALL_PARAMS_MAX - 1)) * sizeof(struct param_value)];
}

/* An argument of the call, or what else its recipes name like one (enum param_arg). */
INLINE __u64 param__arg(struct scratch *s, __u32 n)
{
	BARRIER_VAR(n);
	return s->call.arg[n & (ARGS_MAX - 1)];
}

#endif
