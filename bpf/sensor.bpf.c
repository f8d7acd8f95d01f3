// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "maps.h"
#include "helpers/store/caller.h"
#include "programs/exec.h"
#include "programs/fork.h"
#include "programs/exit.h"
#include "programs/cgroup.h"
#include "programs/sys_enter.h"
#include "programs/sys_exit.h"
#include "programs/io_uring.h"
#include "programs/io_uring_setup.h"
#include "programs/task_iter.h"
#include "programs/whoami.h"
#include "programs/signal.h"
#include "programs/signal_deliver.h"

/* The helpers that read kernel memory are for GPL-compatible programs. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";
