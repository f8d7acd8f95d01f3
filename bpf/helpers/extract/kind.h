/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#ifndef SAKER_EXTRACT_KIND_H
#define SAKER_EXTRACT_KIND_H

#include "helpers/extract/path.h"
#include "helpers/extract/socket.h"
#include "helpers/extract/syscall.h"

/* The first four bytes of a name, from the second one on, as a number of the machine's. */
#define NAME4(a, b, c, d) ((__u32)(a) | (__u32)(b) << 8 | (__u32)(c) << 16 | (__u32)(d) << 24)

/* The kind of a kernel object, by the name that its dentry has. The second to the fifth letter tell all of them apart, but for two. */
INLINE __u32 extract__object_kind(struct dentry *dentry)
{
	char name[8] = {};

	bpf_probe_read_kernel(name, sizeof(name), READ(dentry, d_name.name));
	switch (NAME4(name[1], name[2], name[3], name[4])) {
	case NAME4('e', 'v', 'e', 'n'): /* [eventfd], [eventpoll] */
		return name[6] == 'f' ? KIND_EVENT : KIND_EVENTPOLL;
	case NAME4('n', 'o', 't', 'i'): /* inotify */
		return KIND_INOTIFY;
	case NAME4('s', 'i', 'g', 'n'):
		return KIND_SIGNALFD;
	case NAME4('t', 'i', 'm', 'e'):
		return KIND_TIMERFD;
	case NAME4('i', 'o', '_', 'u'):
		return KIND_IO_URING;
	case NAME4('u', 's', 'e', 'r'):
		return KIND_USERFAULTFD;
	case NAME4('p', 'i', 'd', 'f'):
		return KIND_PIDFD;
	case NAME4('p', 'e', 'r', 'f'):
		return KIND_PERF_EVENT;
	}
	return name[0] == 'b' && name[1] == 'p' && name[2] == 'f' ? KIND_BPF : KIND_OTHER;
}

/* An IPv4 address in an IPv6 socket counts as one of IPv4. */
INLINE bool extract__is_mapped(struct sock *sk)
{
	__u32 local[4] = {}, remote[4] = {};

	bpf_core_read(local, sizeof(local), &sk->__sk_common.skc_v6_rcv_saddr);
	bpf_core_read(remote, sizeof(remote), &sk->__sk_common.skc_v6_daddr);
	return (!local[0] && !local[1] && local[2] == 0xffff0000) ||
	       (!remote[0] && !remote[1] && remote[2] == 0xffff0000);
}

INLINE __u32 extract__socket_kind(struct socket *socket)
{
	struct sock *sk = READ(socket, sk);

	if (!sk)
		return KIND_OTHER;
	switch (READ(sk, __sk_common.skc_family)) {
	case AF_INET:
		return KIND_IPV4;
	case AF_INET6:
		return extract__is_mapped(sk) ? KIND_IPV4 : KIND_IPV6;
	case AF_UNIX:
		return KIND_UNIX;
	case AF_NETLINK:
		return KIND_NETLINK;
	}
	return KIND_OTHER;
}

/* The kind of an open file, enum descriptor_kind. */
INLINE __u32 extract__kind(struct file *file)
{
	struct inode *inode = READ(file, f_inode);
	__u32 mode = READ(inode, i_mode) & S_IFMT;
	struct dentry *dentry = READ(file, f_path.dentry);

	switch (READ(inode, i_sb, s_magic)) {
	case SOCKFS_MAGIC:
		return extract__socket_kind(READ(file, private_data));
	case PIPEFS_MAGIC:
		return KIND_PIPE;
	case PIDFS_MAGIC:
		return KIND_PIDFD;
	case ANON_INODE_FS_MAGIC:
		return extract__object_kind(dentry);
	}
	if (mode == S_IFDIR)
		return KIND_DIRECTORY;
	return extract__is_memfd(dentry) ? KIND_MEMFD : KIND_FILE;
}

/* The kind of one of the current task's descriptors, as a bit; 0 if there is none. A function of its own, so that it is verified once. */
GLOBAL __u32 extract__kind_bit(__s32 fd)
{
	struct file *file = extract__file((void *)bpf_get_current_task(), fd);

	return file ? 1U << (extract__kind(file) & 31) : 0;
}

#endif
