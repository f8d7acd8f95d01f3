/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Maps and settings, nothing else. Every map but one is an array or a ring: nothing can be deleted from them, so emptying a
 * map from outside cannot silence a hook. What root writes into ended_processes makes ends come twice, or not at all. Settings
 * are constants in .rodata, frozen when the object is loaded.
 */
#ifndef SAKER_MAPS_H
#define SAKER_MAPS_H

#include "headers/kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "event.h"

/* Tells the records of these programs from those of others, with other settings, that write into the same maps. */
const volatile __u8 generation = 0;
/* The sensor's own process in the initial pid namespace: nothing it does is recorded. */
const volatile __u32 own_tgid = 0;
/* Index of the cgroup controller whose hierarchy is followed (enum cgroup_subsys_id), -1 for cgroup v2. */
const volatile __s32 cgroup_subsys = -1;
/* Which system call numbers become which event (enum call), for the native and the 32-bit table. */
const volatile __u16 calls_native[SYSCALLS_MAX] = {};
const volatile __u16 calls_compat[SYSCALLS_MAX] = {};
/* What the operations of io_uring are. */
const volatile struct uring_operation uring_operations[URING_OPERATIONS] = {};
/* Whether the kernel tells an answer of a ring as a struct io_uring_cqe (since 6.13). */
const volatile bool uring_answer_is_cqe = false;
/* How the parameters of the table's calls are got, by row; the last row is that of every call without one. */
const volatile struct call_recipe recipes[CALL_ROWS_MAX] = {};
/* What socketcall and, behind, ipc stand for, by the number that is their first argument; 0 is for the numbers without a call. */
const volatile struct inner_call inner_calls[2 * INNER_CALLS_MAX] = {};
/* The row of the event of a signal that is delivered. */
const volatile __u32 signal_row = 0;
/* How many bytes of a buffer are copied (falco.yaml's snaplen). */
const volatile __u32 data_len = 80;

/* The task iterator's slot of the scratch map, behind those of the processors. */
const volatile __u32 iterator_slot = 1;

/* What is asked of who causes an event, by the type of its record (enum caller_part); of a call of the table its recipe says it.
 * caller_on: something is. */
const volatile __u8 caller_parts[CALLER_TYPES] = {};
const volatile bool caller_on = false;
/* Which rules may match an open, by call, access mode and outcome (programs/open_class.h); which may match another call, by row, if it
 * failed and if it did not. */
const volatile __u64 open_masks[CALLS_MAX][4][OPEN_OUTCOMES] = {};
const volatile __u64 row_masks[CALL_ROWS_MAX][2] = {};
/* Which rules may match an open by its name's parts, and, by call, which whatever the name is. */
const volatile struct name_mask name_masks[NAME_MASKS_MAX] = {};
const volatile __u64 any_name[CALLS_MAX] = {};
/* Which kinds of parts are in the table: a bit each. */
const volatile __u32 name_parts = 0;
/* Whether the paths of calls that may fail are copied at entry. */
const volatile bool entry_copies_on = false;

/* Every type of the wire format, so that the generator finds it in the object's BTF. */
union wire {
	struct exec_record exec;
	struct fork_record fork;
	struct exit_record exit;
	struct open_record open;
	struct exec_failed_record exec_failed;
	struct io_uring_setup_record io_uring_setup;
	struct cgroup_record cgroup;
	struct canary_record canary;
	struct signal_record signal;
	struct call_record call;
	struct param_value param_value;
	struct call_recipe recipe;
	struct inner_call inner;
	struct uring_operation uring_operation;
	struct file_info file;
	struct socket_info socket;
	struct caller_info caller;
	struct polled polled;
	struct name_mask name_mask;
	struct verdict verdict;
	struct mount_point mount_point;
	struct {
		enum schema schema;
		enum sizes sizes;
		enum open_outcome open_outcome;
		enum limits limits;
		enum record_type record_type;
		enum ring ring;
		enum call call;
		enum record_flags record_flags;
		enum layer layer;
		enum signal_origin signal_origin;
		enum canary_call canary_call;
		enum inner_word inner_word;
		enum uring_source uring_source;
		enum uring_rules uring_rules;
		enum param_source param_source;
		enum param_arg param_arg;
		enum param_rules param_rules;
		enum param_flags param_flags;
		enum name_part name_part;
		enum verdict_flags verdict_flags;
		enum mount_state mount_state;
		enum socket_flags socket_flags;
		enum caller_part caller_part;
		enum caller_limits caller_limits;
		enum descriptor_kind descriptor_kind;
	} numbers;
};

/* Where a walk up a path has come to: kernel pointers as plain numbers. Its text stands at scratch.path[start .. PATH_LEN_MAX). */
struct path_walk {
	__u64 dentry, vfsmount, mnt_root;
	__u64 root_dentry, root_vfsmount;
	__u64 top;   /* where the walk left the file's own mount: the mount's root, or the process's; 0 before that */
	__u32 below; /* length of the text at that moment */
	__u32 start;
	__u32 flags; /* enum record_flags */
};

/* The system call at hand, as its door left it for the interpreter of recipes (programs/call.h). */
struct call_args {
	__u64 arg[ARGS_MAX];
	__u32 row;
	__u32 nr;
	__u32 flags;      /* enum record_flags: of the door */
	__u32 narrow;     /* the caller's structures have 32-bit longs and pointers */
	__u32 unreadable; /* by param__user_number */
	/* Of a request of io_uring: the ring (io_ring_ctx), which is 0 for a system call and then says that the rest means nothing. */
	__u64 ring;
	__u64 file;    /* the file of the argument file_arg, if it is known without the caller's descriptors */
	__u64 asked;   /* the address of the record that was made when it was asked for; 0 if this is that one */
	__u32 data_at; /* where in that record the data of the next parameter begins */
	__u32 slot;    /* where in the ring's own table a new file goes to, from 1 */
	__u32 rules;   /* enum uring_rules */
	__u8 file_arg;
	__u8 kernel_address; /* a socket address is the kernel's own copy, as paths always are */
	__u8 foreign;        /* the current task is not the caller: its descriptors are not the caller's */
	__u8 pad;
};

/* What the calls that open a file say in their arguments. */
struct open_args {
	__u64 path; /* pointer to the caller's string */
	__u64 resolve;
	__u32 flags, mode;
	__s32 dirfd;
	__u8 has_path; /* the pointer may be NULL nevertheless */
	__u8 unread;   /* openat2's struct could not be read: its flags are not known */
};

/* The names of an open's file, as hashes of their components. */
struct name_scan {
	/* The kernel's, from component[first] to the end. */
	__u64 component[NAME_COMPONENTS];
	/* The caller's, as it is given: from given[0] on. */
	__u64 given[NAME_COMPONENTS];
	__u32 first, given_count;
	__u32 below; /* how many components of the kernel's are below its mount, once it has been crossed */
	__u32 crossed;
	__u32 differs; /* the kernel's last components are not the caller's */
	__u32 at;      /* the next byte of the caller's text */
	/* Of the two names: the first 3 bytes, and the last 4 (0: it has fewer). */
	__u32 head, tail, given_head, given_tail;
	__u64 point; /* the hash of the mount point */
	/* Of the name that is being looked up: its hash, that of its directory, and the rules that may match it. */
	__u64 hash, directory, mask;
	/* Where the walk was, as many components above the file as the caller's text has. */
	__u64 start_dentry, start_vfsmount;
	/* Where the caller's text starts from. */
	__u64 given_dentry, given_vfsmount;
	__u8 text[NAME_COMPONENT_LEN + 16];
};

struct reader {
	__u64 asleep; /* 1: it does not look again by itself within the next ms */
};

/* One per cpu: programs run with preemption off, so nobody else writes it. All but the iterator, which has one of its
 * own. Not a per-cpu map, whose values are limited to 32 KiB. The slack lets the verifier see that no copy leaves the
 * buffer. */
struct scratch {
	union {
		__u8 record[RECORD_LEN_MAX + ARGS_LEN_MAX + 4096];
		union wire wire;
	};
	__u8 path[PATH_LEN_MAX + 256];
	struct path_walk walk;
	struct call_args call;
	struct caller_info caller;
	struct open_args open;
	struct name_scan name;
	__u64 verdict_flags; /* enum verdict_flags: of the current task, once it was asked for */
	/* Kernel pointers on their way into a global function: the verifier forgets their types when they have been here. */
	volatile __u64 task, object;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2); /* set to the number of possible cpus and one more at load */
	__type(key, __u32);
	__type(value, struct scratch);
} scratch SEC(".maps");

#define URING_BUCKETS 64
#define URING_PLACES 8 /* per bucket; a power of two */
#define URING_RECORD_MAX 8192

/* What rings were asked for and have not answered yet (programs/io_uring.h). The keys stand together: every completion of
 * every ring looks at them on some kernels. */
struct uring_bucket {
	struct uring_key {
		__u64 ctx, user_data, req;
		__u32 holders; /* who adds the first one holds the place: spin locks are not for tracing programs */
		__u32 state;   /* enum uring_state */
	} keys[URING_PLACES];
	struct uring_request {
		struct call_args call;
		__u32 size, pad;
		__u8 record[URING_RECORD_MAX]; /* as it was asked for, without a result */
	} requests[URING_PLACES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, URING_BUCKETS); /* 1 where no loaded rule is about what a ring can be asked for */
	__type(key, __u32);
	__type(value, struct uring_bucket);
} uring_requests SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct kernel_counters);
} counters SEC(".maps");

/* Shared with the reader's memory: it says here that it sleeps, and whoever has a record then calls it (store__submit). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct reader);
} reader SEC(".maps");

/* Written by the reader through its memory: what rules may match of a process, by the low bits of its tgid, and where the host has its
 * mounts, by the low bits of a device (helpers/narrow/). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, VERDICTS);
	__type(key, __u32);
	__type(value, struct verdict);
} verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MOUNT_POINTS);
	__type(key, __u32);
	__type(value, struct mount_point);
} mount_points SEC(".maps");

/* How often a process with children has executed another image, or ended. A verdict may speak of ancestors, and is void after that. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} family_changes SEC(".maps");

/* Processes of several threads that have ended (programs/exit.h). */
struct ended_process {
	__u64 start_time;
	__u32 tgid, pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries,
	       1024); /* an end is looked up until the process's last thread has passed the hook: some µs */
	__type(key, struct ended_process);
	__type(value, __u8);
} ended_processes SEC(".maps");

/* The path strings of a call as they were at entry, or the data of a descriptor, which may span both texts
 * (helpers/store/entry.h). */
struct entry_copy {
	/* The thread whose copy this is; tid 0: nobody's. */
	__u64 start_time;
	__u32 tid;
	__u32 len[2];
	__u32 flags; /* enum param_flags: of a descriptor */
	__u64 writers;
	char text[2][PATH_LEN_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* set to ENTRY_COPIES at load, if they are on */
	__type(key, __u32);
	__type(value, struct entry_copy);
} entry_copies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22);
} critical SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 23);
} bulk SEC(".maps");

#endif
