/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The wire format between the kernel and the sensor: defined here, once. Go's side is generated from it (bpf2go).
 *
 * A record is one of the fixed structs below, followed at once by its texts, in the order in which their lengths
 * stand in the struct, without separators:
 *
 *	+---------------+----------------------+--------+--------+-- - - --+
 *	| record_header | rest of the struct   | text 0 | text 1 |         |
 *	+---------------+----------------------+--------+--------+-- - - --+
 *	0               sizeof(header)         sizeof(struct)              header.size
 *
 * Numbers are in the machine's byte order. Times are ns since boot (CLOCK_BOOTTIME), but for an inode's, which are
 * ns since the epoch. Ids are those of the initial namespaces unless the name starts with v (the task's own).
 *
 * Append only: a changed meaning is a new record type. Any change raises SCHEMA_VERSION.
 */
#ifndef SAKER_EVENT_H
#define SAKER_EVENT_H

enum schema {
	SCHEMA_VERSION = 11,
};

/* Sizes of tables. */
enum sizes {
	SYSCALLS_MAX = 1024,     /* a power of two, above every number of a table; x32 has its own up to 547 */
	CALLS_MAX = 16,          /* at least CALLS, and a power of two: an index is masked where it is used */
	ENTRY_COPIES = 1024,     /* a power of two */
	URING_OPERATIONS = 64,   /* a power of two, above every operation of io_uring that is a call */
	CALLER_TYPES = 16,       /* a power of two, at least RECORD_TYPES */
	URING_ARGS = 7,          /* arguments 0 to 5, and the place in the ring's own table that a new file goes to */
	INNER_CALLS_MAX = 32,    /* calls that one of socketcall and ipc stands for; a power of two */
	NAME_MASKS_MAX = 4096,   /* a power of two */
	NAME_COMPONENTS = 16,    /* of a name that is looked at, at most; a power of two */
	NAME_COMPONENT_LEN = 64, /* bytes of one, at most */
	NAME_PROBES = 4,         /* slots of that table in which an entry may be, from its own on */
	VERDICTS = 16384,        /* a power of two: a process's slot is given by the low bits of its tgid */
	MOUNT_POINTS = 4096,     /* a power of two */
	MOUNT_PROBES = 4,        /* slots of that table in which a device may be, from its own on */
};

/*
 * A rule has a bit in a mask of 64; several may share one. Before a record is made, each table tells which rules may still match:
 * those of the call and its outcome, of the process, of the file's names. If none is left, nothing is sent (internal/narrow).
 */

/* Parts of a file's name that rules ask for. A name passes if it has one of those that a rule wants. */
enum name_part {
	NAME_WHOLE = 1,
	NAME_BELOW,     /* the name itself, or a directory above it */
	NAME_DIRECTORY, /* the directory that it is in */
	NAME_COMPONENT, /* one of its components */
	NAME_LAST,      /* the last component */
	NAME_HEAD,      /* the first 3 bytes of the first component */
	NAME_TAIL,      /* the last 4 bytes of the last one */
};

/* Which rules may match a name with this part: by the part's hash (helpers/narrow/hash.h). A mask of 0 ends a search. */
struct name_mask {
	__u64 hash, mask;
};

/* Which rules may match an event of this process, by what it is. The tag is a hash of that, and of the mask: whoever else is meant, or
 * changed an entry in part, has no verdict. */
struct verdict {
	__u64 tag, mask;
	__u64 flags; /* enum verdict_flags */
};

enum verdict_flags {
	VERDICT_CONTAINER = 1 << 0,
};

/* Where a file system is mounted on the host. */
struct mount_point {
	__u64 hash;  /* of the mount point's name; 0 if a part of the file system is mounted there */
	__u32 dev;   /* major << 20 | minor */
	__u32 state; /* enum mount_state */
};

enum mount_state {
	MOUNT_AMBIGUOUS, /* nothing is known from here on: there was no room, it is being written, or nobody has told yet */
	MOUNT_FREE,      /* ends a search */
	MOUNT_KNOWN,
};

enum limits {
	COMM_LEN = 16,
	ANCESTORS_MAX = 8,
	PATH_LEN_MAX = 4096,
	ARGS_LEN_MAX = 32768,
	ENV_LEN_MAX = 4096,
	RECORD_LEN_MAX = 65536, /* a longer one is not sent, and counted */
	CALL_PARAMS_MAX = 16,   /* parameters of one system call; a power of two */
	CALL_ROWS_MAX = 512,    /* rows of the table of system calls; a power of two */
	DATA_LEN_MAX = 4096,    /* bytes copied of one buffer, at most */
	POLLED_MAX = 16,        /* descriptors of a poll that are looked at */
};

enum record_type {
	RECORD_EXEC = 1,
	RECORD_FORK,
	RECORD_EXIT,
	RECORD_CGROUP_MKDIR,
	RECORD_CGROUP_RMDIR,
	RECORD_OPEN,
	RECORD_EXEC_FAILED,
	/* Written by the task iterator only, never into a ring; same layout as RECORD_EXEC. */
	RECORD_TASK,
	RECORD_IO_URING_SETUP,
	RECORD_CANARY,
	RECORD_SIGNAL,
	RECORD_CALL,
	RECORD_TYPES,
};

/* The critical ring holds what the process table needs, and is drained first; the bulk ring is drained in batches. */
enum ring {
	RING_CRITICAL,
	RING_BULK,
	RINGS,
};

/* The system calls that become events; 0 means none. */
enum call {
	CALL_NONE,
	CALL_OPEN,
	CALL_OPENAT,
	CALL_OPENAT2,
	CALL_CREAT,
	CALL_OPEN_BY_HANDLE_AT,
	CALL_EXECVE,
	CALL_EXECVEAT,
	/* Only the sensor's own call, which is its canary. */
	CALL_CANARY,
	/* The interpreter's, from here on. These two stand for many calls, which the first argument tells apart (i386;
	 * programs/inner.h). */
	CALL_SOCKETCALL,
	CALL_IPC,
	CALLS,
	/* Rows of the table of system calls (internal/call) follow: row n is CALL_ROWS + n. */
	CALL_ROWS = 16,
};

/*
 * Where a parameter of a system call comes from. The recipe of a parameter names an argument, `arg`, and for some sources
 * a second one, `with`. Arguments 0 to 5 are the call's own.
 */
enum param_source {
	SOURCE_NONE,   /* user space knows it by itself: nothing is sent */
	SOURCE_ARG,    /* the argument, as 64 bits */
	SOURCE_NUMBER, /* `size` bytes at the address arg + offset */
	SOURCE_STRING, /* the NUL-terminated string at the address arg */
	SOURCE_PATH,   /* the same, a path; `with` is the directory descriptor that it starts from if it is relative;
	                       * `size` says which of the call's two copies from entry it has */
	SOURCE_BYTES, /* up to `max` bytes at the address arg; `with` has their number, or, if `offset` is 1, that number's
	                       * address. Of things of `size` bytes it has the number of these; ARG_NONE: there is one. */
	SOURCE_VECTOR, /* the buffers of an iovec at the address arg, which has `with` entries; `max` bytes of them */
	SOURCE_VECTOR_SIZE,     /* the sum of their lengths */
	SOURCE_MESSAGE,         /* the buffers of a msghdr at the address arg + offset */
	SOURCE_MESSAGE_SIZE,    /* the sum of their lengths */
	SOURCE_MESSAGE_ADDRESS, /* its socket address */
	SOURCE_ADDRESS, /* a sockaddr at the address arg; `with` has its length, or, if `offset` is 1, that length's address */
	SOURCE_DESCRIPTOR,    /* the number in arg, and the file or socket behind it */
	SOURCE_DESCRIPTOR_AT, /* the same of the number that stands at the address arg + offset */
	SOURCE_MEMORY,        /* of the caller's memory, in KiB: size, resident, swapped, for size 0, 1 and 2 */
	SOURCE_CRED,          /* the capability set, for size 0 to 2: inheritable, permitted, effective */
	SOURCE_POLLED, /* as SOURCE_BYTES, of struct pollfd; a struct polled for each of them follows, then what their descriptors lead to */
	PARAM_SOURCES,
};

enum param_arg {
	ARG_RESULT = 6, /* what the call returned */
	ARG_CWD = 7,    /* AT_FDCWD */
	ARGS_MAX = 8,
	ARG_NONE = 0xff,
};

/* Of a recipe's parameter. */
enum param_rules {
	PARAM_IF_OK = 1 << 0,      /* what the call fills in: missing if it failed */
	PARAM_LONGS = 1 << 1,      /* a structure of longs: of a 32-bit caller, `size` and `offset` are half as large */
	PARAM_MAX_RESULT = 1 << 2, /* no more bytes than the call returned */
	PARAM_AT_ENTRY =
		1 << 3, /* of a descriptor: what it led to when the call began, which may be gone when it returns */
};

enum param_flags {
	PARAM_MISSING = 1 << 0,   /* there is none, or it could not be read */
	PARAM_TRUNCATED = 1 << 1, /* longer than what was copied */
	PARAM_FILE = 1 << 2,      /* the data is a struct file_info and its path */
	PARAM_SOCKET = 1 << 3,    /* the data is a struct socket_info and the name of a unix socket */
	PARAM_CHANGED = 1 << 4,   /* the path was another one when the call returned */
	PARAM_OUTSIDE_ROOT = 1 << 5,
};

enum record_flags {
	FLAG_PATH_TRUNCATED = 1 << 0, /* a walked path lost its front */
	FLAG_RAW_TRUNCATED = 1 << 1,  /* the caller's path string was cut or could not be read */
	FLAG_ARGS_TRUNCATED = 1 << 2,
	FLAG_ENV_TRUNCATED = 1 << 3,
	FLAG_COMPAT = 1 << 4,       /* the 32-bit entry */
	FLAG_OUTSIDE_ROOT = 1 << 5, /* the file is not below the process's root */
	FLAG_CREATED = 1 << 6,      /* the call created the file */
	FLAG_MEMFD = 1 << 7,
	FLAG_KERNEL_THREAD = 1 << 8,
	FLAG_FILE_GONE = 1 << 9,      /* the descriptor held no file any more when it was looked up */
	FLAG_IO_URING = 1 << 10,      /* asked of a ring, not by a system call of its own */
	FLAG_NO_RESULT = 1 << 11,     /* the ring does not tell what became of it: ret is 0 and means nothing */
	FLAG_NAME_CHANGED = 1 << 12,  /* the caller's path string was another one at the end of the call */
	FLAG_FS_PATH = 1 << 13,       /* mount_len and hidden_len tell where in its file system the file is */
	FLAG_CALLER = 1 << 14,        /* the record ends with a struct caller_info */
	FLAG_DIR_TRUNCATED = 1 << 15, /* what dirfd stands for lost its front, and no name starts from it */
};

/* What became of an open, and of which type the file is (programs/open_class.h). */
enum open_outcome {
	OPEN_FAILED, /* without a sign that the name was rewritten */
	OPEN_REGULAR,
	OPEN_DIRECTORY,
	OPEN_OTHER,        /* a device, a pipe, a socket */
	OPEN_NAME_CHANGED, /* failed, and the name was rewritten between call and return */
	OPEN_OUTCOMES = 8, /* a power of two, above them */
};

enum layer {
	LAYER_NONE,
	LAYER_UPPER,
	LAYER_LOWER,
};

/* What struct caller_info tells. */
enum caller_part {
	CALLER_STDIO = 1 << 0, /* descriptors 0 to 2 */
	CALLER_FDS = 1 << 1,   /* how many descriptors are open */
	CALLER_KINDS = 1 << 2, /* of which kinds the first of them are */
	CALLER_MEMORY = 1 << 3,
	CALLER_THREAD = 1 << 4, /* threads, page faults, time */
	CALLER_CGROUPS = 1 << 5,
	CALLER_CWD = 1 << 6, /* the working directory */
};

enum caller_limits {
	CALLER_STD = 3,
	CALLER_CONTROLLERS = 5,
	CALLER_KINDS_MAX = 128,   /* descriptors that are looked at for their kinds */
	CALLER_FDS_MAX = 1 << 17, /* those that are counted */
};

/* The kinds of open descriptors. */
enum descriptor_kind {
	KIND_OTHER,
	KIND_FILE,
	KIND_DIRECTORY,
	KIND_PIPE,
	KIND_IPV4,
	KIND_IPV6,
	KIND_UNIX,
	KIND_NETLINK,
	KIND_EVENT,
	KIND_EVENTPOLL,
	KIND_INOTIFY,
	KIND_SIGNALFD,
	KIND_TIMERFD,
	KIND_IO_URING,
	KIND_USERFAULTFD,
	KIND_PIDFD,
	KIND_BPF,
	KIND_PERF_EVENT,
	KIND_MEMFD,
	KINDS,
};

enum signal_origin {
	SIGNAL_SENT,   /* kill(2) and its like */
	SIGNAL_PTRACE, /* a debugger attaches */
};

/* The directory descriptor of a canary call: nobody has it, so the call fails before it looks for any file. */
enum canary_call {
	CANARY_DIRFD = 0x5a6b7c8d,
};

struct record_header {
	__u32 size;      /* of the whole record, in bytes */
	__u8 type;       /* enum record_type */
	__u8 generation; /* of the programs: which settings they have */
	__u16 cpu;       /* of RECORD_TASK: the iterator's slot of the scratch map */
	__u64 seq;       /* counts the records of this ring and cpu, sent or lost, from 1 */
	__u64 time;
	__u64 start_time; /* of the thread group leader */
	__u64 exec_id;    /* task_struct.self_exec_id: grows with each exec */
	__u64 cgroup_id;
	__u32 tgid, tid, vpid, vtid;
	__u32 ppid; /* tgid of the real parent */
	__u32 euid, egid;
	__u32 flags; /* enum record_flags */
};

struct ancestor {
	__u64 start_time;
	__u32 tgid;
	__u32 pad;
	char comm[COMM_LEN];
};

struct inode_info {
	__u64 ino;
	__s64 ctime, mtime;
	__u32 dev; /* major << 20 | minor */
	__u32 mode, nlink, uid, gid;
	__u32 layer; /* enum layer */
};

struct exec_record {
	struct record_header h;
	struct inode_info exe;
	__u64 cap_inheritable, cap_permitted, cap_effective;
	__u64 pidns_start;
	__u64 fdlimit; /* soft limit of open descriptors (RLIMIT_NOFILE) */
	__u32 uid, gid;
	__u32 loginuid, tty;
	__u32 sid, pgid, vpgid;
	__u32 args_total, env_total; /* bytes in the process, of which args_len and env_len were copied */
	__u32 call;                  /* enum call */
	__u32 ancestors_len;
	char comm[COMM_LEN];
	struct ancestor ancestors[ANCESTORS_MAX]; /* parent first */
	/* Texts. args and env are NUL-terminated strings one after the other. */
	__u32 exe_path_len, filename_len, interp_len, cwd_len, args_len, env_len;
};

/* The header is the caller's. */
struct fork_record {
	struct record_header h;
	__u64 start_time, exec_id, cgroup_id, pidns_start;
	__u64 parent_start_time; /* of the child's real parent, which CLONE_PARENT makes another than the caller */
	__u32 tgid, vpid, ppid;
	__u32 euid, egid;
	__u32 sid, pgid, vpgid;
	char comm[COMM_LEN];
};

struct exit_record {
	struct record_header h;
	__u32 code;   /* as wait(2) gives it */
	__u32 reaper; /* tgid of the process that gets the children; 0 if there are none */
};

struct open_record {
	struct record_header h;
	__s64 ret;
	__u64 resolve; /* openat2's RESOLVE_* */
	struct inode_info file;
	__u32 open_flags, open_mode;
	__s32 dirfd;
	__u32 call;
	__u32 dir_mode; /* i_mode of the file behind dirfd; 0 for AT_FDCWD, or if there is none */
	__u32 pad;
	/* Texts: the caller's path string; if that changed during a failed call, what it was at the end; what dirfd stands
	 * for, if it is not AT_FDCWD or one of the strings is relative; the file's own path; where in its file system the
	 * mount, or the chroot, begins that the file was reached by, if that is not the file system's root. */
	__u32 raw_len, exit_raw_len, dir_len, path_len, hidden_len;
	__u32 mount_len; /* how much of the path's end lies below that mount or chroot */
};

/* A new ring. */
struct io_uring_setup_record {
	struct record_header h;
	__s64 ret;
	__u32 sq_entries, cq_entries, setup_flags;
	__u32 has_params; /* whether the rest could be had: it is read from user memory */
	__u32 entries, sq_thread_cpu, sq_thread_idle, features;
};

struct exec_failed_record {
	struct record_header h;
	__s64 ret;
	__s32 dirfd;
	__u32 call;
	/* Texts, as those of an open. */
	__u32 raw_len, exit_raw_len, dir_len;
	__u32 pad;
};

/* The recipe of a parameter, and of a call; written by user space before the programs are loaded. */
struct param_recipe {
	__u8 source;    /* enum param_source */
	__u8 arg, with; /* an argument's number, or enum param_arg */
	__u8 size;
	__u8 rules; /* enum param_rules */
	__u8 pad;
	__u16 offset;
	__u16 max;
};

struct call_recipe {
	__u8 params;     /* how many */
	__u8 paths[2];   /* the arguments that are paths, to be copied at entry; ARG_NONE if there are fewer */
	__u8 descriptor; /* instead, the argument that is the descriptor with PARAM_AT_ENTRY; ARG_NONE if there is none */
	__u8 caller;     /* enum caller_part: what is asked of who makes this call */
	struct param_recipe param[CALL_PARAMS_MAX];
};

/*
 * An operation of io_uring, the call that it is the equivalent of, and where the kernel's request has that call's arguments; written by
 * user space before the programs are loaded, from the kernel's own BTF.
 */
struct uring_arg {
	__u16 offset;
	__u8 size;
	__u8 source; /* enum uring_source */
};

struct uring_operation {
	__u16 call; /* enum call; 0 if no rule is about it */
	__u16 nr;
	__u8 fd;    /* the argument that is the request's own descriptor; ARG_NONE if it has none */
	__u8 rules; /* enum uring_rules */
	__u16 pad;
	struct uring_arg arg[URING_ARGS];
};

enum uring_source {
	URING_NOTHING, /* 0 */
	URING_NUMBER,  /* a member of the request */
	URING_NAME,    /* the same, a struct filename: the text in it */
	URING_ASYNC,   /* a member of what the kernel keeps for a request that has to wait */
};

enum uring_rules {
	URING_FILLS = 1 << 0,   /* the call fills in what its arguments point at: read when it is answered */
	URING_SEVERAL = 1 << 1, /* the ring may answer it more than once */
	URING_OPENS = 1 << 2,   /* opens a file: programs/open.h */
};

/*
 * One of the calls that i386's socketcall or ipc stands for; written by user space before the programs are loaded. Of
 * socketcall, what it is given is an array of `given` words in the caller's memory, of ipc its own arguments.
 */
struct inner_call {
	__u16 call; /* enum call: a row; less if no rule is about it */
	__u16 nr;   /* its number in the caller's table; that of the outer call if it has none of its own */
	__u8 given;
	__u8 arg[6]; /* by argument of the inner call, which of the given words it is; or enum inner_word */
	__u8 pad;
};

enum inner_word {
	INNER_BEHIND_PTR = 6, /* the word at the address that ipc's fifth argument is */
	INNER_NOTHING = 7,
	INNER_WORDS = 8,
};

/* One for each parameter of the recipe, in its order, behind the struct call_record; the data of all of them follows, in
 * the same order, without separators. */
struct param_value {
	__u64 number; /* of a path: the length of the directory that it starts from, and above 32 bits that of what the
	                    * path was when the call returned, if PARAM_CHANGED. Both follow the path. */
	__u32 len;    /* of the data, all of it */
	__u32 flags;  /* enum param_flags */
};

/* A system call with a row of its own, or, as call 0, with a number alone. */
struct call_record {
	struct record_header h;
	__s64 ret;
	__u32 nr;     /* its number in the caller's table */
	__u16 call;   /* enum call */
	__u16 params; /* how many struct param_value follow */
};

/* What one of the descriptors of a poll leads to. */
struct polled {
	__u32 len;   /* of the data: a struct file_info and its path, or a struct socket_info and its name */
	__u32 flags; /* enum param_flags */
};

/* The file behind a descriptor. Its path follows. */
struct file_info {
	struct inode_info inode;
	__u32 magic; /* of its file system, the low 32 bits (linux/magic.h) */
	__u32 open_flags;
};

/* The socket behind a descriptor. The name of a unix socket follows, its own or its peer's. */
struct socket_info {
	__u64 ino;
	__u64 sock, peer;           /* of a unix socket: addresses of the kernel's objects, which name its ends */
	__u8 local[16], remote[16]; /* an IPv4 address is in the first four bytes */
	__u16 family, type, protocol, state;
	__u16 local_port, remote_port; /* in the machine's byte order */
	__u32 queue_len, queue_max;
	__u32 flags; /* enum socket_flags */
};

enum socket_flags {
	SOCKET_PEER_NAME = 1 << 0, /* the name is the peer's */
	SOCKET_SERVER = 1 << 1,    /* it listens, was accepted, is a datagram socket bound to a port of its own, or a
	                            * unix socket with a name that is not a client's own */
};

/*
 * What rules ask of who caused an event, at that moment. It stands at the end of the record; the data that it has lengths for stand
 * right before it: of descriptors 0 to 2 each a struct file_info and its path or a struct socket_info and its name, then the paths of
 * the cgroups in the hierarchies of cpuset, cpu, cpuacct, io and memory, then the working directory's.
 */
struct caller_info {
	__u64 vm_size, vm_rss, vm_swap;   /* KiB */
	__u64 minor_faults, major_faults; /* of the thread */
	__u64 cpu_time;                   /* of the thread, in ns */
	__u32 fds, threads;
	__u32 kinds; /* enum descriptor_kind, a bit each */
	__u32 parts; /* enum caller_part: what is known */
	__u32 std_len[CALLER_STD];
	__u32 std_flags[CALLER_STD]; /* enum param_flags */
	__u32 cgroup_len[CALLER_CONTROLLERS];
	__u32 cwd_len;
};

struct cgroup_record {
	struct record_header h;
	__u64 id;
	__u32 path_len;
	__u32 pad;
};

/* Made by the sensor itself, to see that records arrive. */
struct canary_record {
	struct record_header h;
	__u64 number;
};

/* A signal for the sensor. The header is the sender's. */
struct signal_record {
	struct record_header h;
	__u32 number;
	__u32 origin; /* enum signal_origin */
};

/* Who loses most of this cpu's records: the candidate of the majority vote (helpers/store/loser.h). */
struct loser {
	__u64 start_time; /* of the thread group leader */
	__u64 cgroup_id;
	__u64 time; /* of its last lost record */
	__u64 votes;
	__u32 tgid;
	__u32 pad;
	char comm[COMM_LEN];
};

/* One per cpu; only grows, but for the loser. Summed by the reader. */
struct kernel_counters {
	__u64 sent[RINGS];
	__u64 lost[RINGS]; /* the ring was full */
	__u64 lost_by_type[RECORD_TYPES];
	__u64 path_truncated, raw_unreadable, file_gone, oversize;
	__u64 uring_unmatched; /* a request to a ring and its answer did not find each other */
	__u64 entry_missing;   /* failed calls without a copy of their path from entry */
	__u64 caller_missing;  /* records so long that a struct caller_info had no room */
	struct loser loser;
};

#endif
