/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The fields of kernel structures that the programs read, and no others. CO-RE finds each by name in the running
 * kernel's BTF (preserve_access_index), so order and size here mean nothing. A name behind ___ is a flavour: the
 * same structure as other kernel versions lay it out.
 */
#ifndef SAKER_KERNEL_H
#define SAKER_KERNEL_H

typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef __u64 __be64;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

/* linux/bpf.h */
enum {
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
	BPF_NOEXIST = 1,
	BPF_F_MMAPABLE = 1 << 10,
};

enum {
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
};

/* linux/openat2.h: fixed by the system call's interface, so no relocation. */
struct open_how {
	__u64 flags, mode, resolve;
};

/* Instead of a signal's info (linux/sched/signal.h). */
enum {
	SEND_SIG_NOINFO = 0,
	SEND_SIG_PRIV = 1,
};

/* The arguments of a raw tracepoint (linux/bpf.h). */
struct bpf_raw_tracepoint_args {
	__u64 args[0];
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long di, si, dx, r10, r8, r9, bx, cx, bp, orig_ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	__u64 regs[31];
	__u64 orig_x0;
	__s32 syscallno;
};
#endif

struct thread_info {
	unsigned long flags;
	__u32 status;
};

struct timespec64 {
	__s64 tv_sec;
	long tv_nsec;
};

typedef struct {
	__u32 val;
} kuid_t;

typedef struct {
	__u32 val;
} kgid_t;

typedef struct {
	__u64 val;
} kernel_cap_t;

struct cred {
	kuid_t uid, euid;
	kgid_t gid, egid;
	kernel_cap_t cap_inheritable, cap_permitted, cap_effective;
};

struct qstr {
	__u32 len;
	const unsigned char *name;
};

struct super_block {
	__u32 s_dev;
	unsigned long s_magic;
};

struct inode {
	__u16 i_mode;
	kuid_t i_uid;
	kgid_t i_gid;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	void *i_private;
	__s64 i_ctime_sec, i_mtime_sec; /* since 6.11 */
	__u32 i_ctime_nsec, i_mtime_nsec;
};

struct inode___ts { /* up to 6.5 (ctime), 6.6 (mtime) */
	struct timespec64 i_ctime, i_mtime;
};

struct inode___uts { /* 6.6/6.7 up to 6.10 */
	struct timespec64 __i_ctime, __i_mtime;
};

typedef struct seqcount {
	unsigned int sequence;
} seqcount_t;

typedef struct seqcount_spinlock {
	seqcount_t seqcount;
} seqcount_spinlock_t;

struct dentry {
	seqcount_spinlock_t d_seq; /* since 5.9; a seqcount_t before */
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	unsigned int f_mode;
	unsigned int f_flags;
	struct path f_path;
	struct inode *f_inode;
	void *private_data;
};

struct proc_ns_operations {
	const char *name;
};

struct ns_common { /* what the inode of a namespace is private for */
	struct proc_ns_operations *ops;
};

struct in6_addr {
	__u8 s6_addr[16];
};

struct sock_common {
	__be32 skc_daddr, skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_type;
	__u16 sk_protocol;
	__u32 sk_ack_backlog, sk_max_ack_backlog;
	__u8 sk_userlocks : 4;
};

/* Up to 5.5 they were bit fields; the oldest kernel that is supported is 5.8. */
struct socket {
	struct sock *sk;
};

typedef struct {
	int counter;
} atomic_t;

struct refcount_struct {
	atomic_t refs;
};

struct inet_sock {
	__be16 inet_sport;
};

struct unix_address {
	struct refcount_struct refcnt;
	int len;
	char name[1]; /* a struct sockaddr_un of `len` bytes */
};

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
	unsigned long *open_fds;
};

struct files_struct {
	struct fdtable *fdt;
};

struct fs_struct {
	struct path root, pwd;
};

typedef struct {
	__s64 counter;
} atomic64_t;

struct mm_rss_stat { /* up to 6.1 */
	atomic64_t count[4];
};

struct percpu_counter {
	__s64 count;
};

/* Indices of the counters of a memory's pages (linux/mm_types_task.h). */
enum mm_counter {
	MM_FILEPAGES,
	MM_ANONPAGES,
	MM_SWAPENTS,
	MM_SHMEMPAGES,
};

struct mm_struct {
	unsigned long arg_start, arg_end, env_start, env_end;
	unsigned long total_vm;
	struct file *exe_file;
	struct mm_rss_stat rss_stat; /* up to 6.1 */
};

struct mm_struct___percpu { /* since 6.2 */
	struct percpu_counter rss_stat[4];
};

struct tty_driver {
	int major, minor_start;
};

struct tty_struct {
	struct tty_driver *driver;
	int index;
};

struct task_struct;

struct pid_namespace {
	struct task_struct *child_reaper;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

enum pid_type {
	PIDTYPE_PGID = 2,
	PIDTYPE_SID = 3,
};

struct rlimit {
	unsigned long rlim_cur, rlim_max;
};

/* asm-generic/resource.h */
enum rlimits {
	RLIMIT_NOFILE = 7,
};

struct list_head {
	struct list_head *next, *prev;
};

struct signal_struct {
	atomic_t live;
	unsigned int is_child_subreaper : 1;
	unsigned int has_child_subreaper : 1;
	struct rlimit rlim[16];
	struct tty_struct *tty;
	struct pid *pids[4];
	int group_exit_code;
	int nr_threads;
};

struct kernfs_node {
	__u64 id;
	struct kernfs_node *parent; /* up to 6.14 */
	const char *name;
};

struct kernfs_node___rcu { /* since 6.15 */
	struct kernfs_node *__parent;
};

enum cgroup_subsys_id {
	cpuset_cgrp_id,
	cpu_cgrp_id,
	cpuacct_cgrp_id,
	io_cgrp_id,
	memory_cgrp_id,
};

struct cgroup_root {
	int hierarchy_id;
};

struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

struct css_set {
	struct cgroup_subsys_state *subsys[16];
	struct cgroup *dfl_cgrp;
};

struct sched_entity {
	__u64 sum_exec_runtime;
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	struct mm_struct *mm;
	int pid, tgid;
	int exit_code;
	struct task_struct *real_parent, *group_leader;
	struct list_head children;
	struct pid *thread_pid;
	__u64 start_boottime;
	__u64 self_exec_id;
	struct cred *cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct signal_struct *signal;
	struct css_set *cgroups;
	kuid_t loginuid;
	struct sched_entity se;
	unsigned long min_flt, maj_flt;
};

struct io_rsrc_node {
	unsigned long file_ptr;
};

struct io_fixed_file {
	unsigned long file_ptr;
};

struct io_rsrc_data {
	unsigned int nr;
	struct io_rsrc_node **nodes;
};

struct io_file_table {
	struct io_rsrc_data data;    /* since 6.13 */
	struct io_fixed_file *files; /* up to 6.12 */
};

struct io_ring_ctx {
	unsigned int compat : 1; /* made by a 32-bit caller */
	struct io_file_table file_table;
};

struct io_cmd_data { /* since 6.0 */
	struct file *file;
};

struct io_cqe {
	__u64 user_data;
	__s32 res;
	int fd; /* of the request, until it is answered */
};

/* A request; what its operation keeps (struct io_open) stands at its start. */
struct io_kiocb {
	struct file *file; /* of an operation on a descriptor; since 5.19 only when it is carried out */
	void *async_data;
	__u8 opcode;
	unsigned int flags; /* 64 bits since 6.8, of which the lower half is read */
	struct io_cqe cqe;  /* since 5.19 */
	__u64 user_data;    /* up to 5.18 */
	struct io_ring_ctx *ctx;
};

struct filename {
	const char *name;
};

/* An answer, in the ring's memory. */
struct io_uring_cqe {
	__u64 user_data;
	__s32 res;
	__u32 flags;
};

union __sifields {
	struct {
		int _pid;
	} _kill;
};

struct kernel_siginfo {
	int si_code;
	union __sifields _sifields;
};

struct linux_binprm {
	struct file *file;
	const char *filename, *interp, *fdpath;
};

struct seq_file {
	int pad;
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

#define PF_KTHREAD 0x00200000      /* linux/sched.h */
#define IORING_CQE_F_MORE (1 << 1) /* linux/io_uring.h */
#define SPLICE_F_FD_IN_FIXED (1U << 31)
#define IOSQE_FIXED_FILE (1 << 0)
#define IOSQE_CQE_SKIP_SUCCESS (1 << 6)
#define IORING_FILE_INDEX_ALLOC (~0U)
#define FMODE_CREATED 0x100000 /* linux/fs.h */
#define S_IFMT 0170000         /* linux/stat.h */
#define S_IFREG 0100000
#define S_IFDIR 0040000
#define OVERLAYFS_SUPER_MAGIC 0x794c7630 /* linux/magic.h */
#define SOCKFS_MAGIC 0x534F434B
#define NSFS_MAGIC 0x6e736673
#define ANON_INODE_FS_MAGIC 0x09041934
#define PIDFS_MAGIC 0x50494446
#define PIPEFS_MAGIC 0x50495045
#define SOCK_BINDPORT_LOCK 8 /* net/sock.h */
#define SOCK_DGRAM 2
#define AF_UNIX 1 /* linux/socket.h */
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define S_IFMT 0170000 /* linux/stat.h */
#define S_IFDIR 0040000
#define S_IFIFO 0010000
#define AT_FDCWD -100
#define EFAULT 14
#define EEXIST 17
#define TS_COMPAT 0x0002 /* asm/thread_info.h, x86 */
#define TIF_32BIT 22     /* asm/thread_info.h, arm64 */
#define NR_EXECVE 221    /* asm-generic/unistd.h, as arm64 has it */
#define NR_EXECVEAT 281
#define NR_COMPAT_EXECVE 11 /* arch/arm/tools/syscall.tbl */
#define NR_COMPAT_EXECVEAT 387
#define X32_SYSCALL_BIT 0x40000000
#define X32_NUMBERS 512 /* the first number that is x32's own */

#endif
