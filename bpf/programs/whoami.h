/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#include "maps.h"

/* Run once on the sensor's own thread (BPF_PROG_RUN): its tgid in the initial pid namespace, which a process inside a
 * pid namespace cannot learn in any other way. */
SEC("raw_tp/whoami")
int whoami(void *ctx)
{
	return bpf_get_current_pid_tgid() >> 32;
}
