/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#ifndef SAKER_EXTRACT_SOCKET_H
#define SAKER_EXTRACT_SOCKET_H

#include "helpers/base/base.h"

#define UNIX_NAME_MAX 110 /* struct sockaddr_un (linux/un.h) */

/* The socket of an open file; NULL if it is none. */
INLINE struct socket *extract__socket(struct file *file)
{
	struct inode *inode = READ(file, f_inode);

	if (READ(inode, i_sb, s_magic) != SOCKFS_MAGIC)
		return NULL;
	return READ(file, private_data);
}

/* The name that a unix socket was bound to, at `to`; returns its length. An abstract one begins with a NUL. */
INLINE __u32 extract__unix_name(void *to, struct unix_sock *sock)
{
	struct unix_address *addr = READ(sock, addr);
	__u32 len;

	if (!addr)
		return 0;
	len = READ(addr, len) - 2; /* behind the family */
	BARRIER_VAR(len);
	if (len > UNIX_NAME_MAX)
		return 0;
	if (bpf_probe_read_kernel(to, len, (void *)addr + bpf_core_field_offset(struct unix_address, name) + 2))
		return 0;
	return len;
}

/* Tells which of two ends that have names is the server's. A socket that was accepted shares the listener's name: it is counted at both.
 * A name that one socket alone has is a client's own, if the other end has one, too. */
INLINE bool extract__unix_serves(struct unix_sock *sock, struct unix_sock *peer)
{
	if (!peer || !READ(peer, addr))
		return true;
	return READ(sock, addr, refcnt.refs.counter) > 1;
}

INLINE __u32 extract__unix_ends(struct socket_info *info, struct sock *sk)
{
	struct unix_sock *peer, *sock = (void *)sk;
	__u32 len;

	peer = (void *)READ(sock, peer);
	info->sock = (__u64)sk;
	info->peer = (__u64)peer;
	len = extract__unix_name(info + 1, sock);
	if (len && extract__unix_serves(sock, (void *)peer))
		info->flags |= SOCKET_SERVER;
	if (len || !peer)
		return len;
	info->flags |= SOCKET_PEER_NAME;
	return extract__unix_name(info + 1, peer);
}

/* Which end is the server's is nowhere told. A TCP socket that listens has a limit to its queue, and one that it accepts is a copy of
 * it, with the limit; a socket that connects has none. A datagram socket serves if its port was asked for by number, a
 * unix socket if it has a name: all of these have a limit. */
INLINE bool extract__is_server(struct sock *sk, const struct socket_info *info)
{
	if (info->family == AF_UNIX)
		return false; /* extract__unix_ends decides it */
	if (info->type == SOCK_DGRAM)
		return BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & SOCK_BINDPORT_LOCK;
	return info->queue_max > 0;
}

/* Both ends of a socket at `info`, and its name behind; returns the length of both. */
INLINE __u32 extract__ends(struct socket_info *info, struct file *file, struct socket *socket)
{
	struct sock *sk = READ(socket, sk);
	__u16 port;

	__builtin_memset(info, 0, sizeof(*info));
	info->ino = READ(file, f_inode, i_ino);
	if (!sk)
		return sizeof(*info);
	info->family = READ(sk, __sk_common.skc_family);
	info->type = READ(sk, sk_type);
	info->protocol = READ(sk, sk_protocol);
	bpf_core_read(&info->state, 1, &sk->__sk_common.skc_state);
	info->queue_len = READ(sk, sk_ack_backlog);
	info->queue_max = READ(sk, sk_max_ack_backlog);
	if (extract__is_server(sk, info))
		info->flags |= SOCKET_SERVER;
	switch (info->family) {
	case AF_UNIX:
		return sizeof(*info) + extract__unix_ends(info, sk);
	case AF_INET:
		*(__u32 *)info->local = READ(sk, __sk_common.skc_rcv_saddr);
		*(__u32 *)info->remote = READ(sk, __sk_common.skc_daddr);
		break;
	case AF_INET6:
		bpf_core_read(info->local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(info->remote, 16, &sk->__sk_common.skc_v6_daddr);
		break;
	default:
		return sizeof(*info);
	}
	info->local_port = READ(sk, __sk_common.skc_num);
	port = READ(sk, __sk_common.skc_dport);
	info->remote_port = port >> 8 | port << 8;
	if (!info->local_port && port) {
		/* Given back, as that of a connection that was refused meanwhile, but still noted. */
		port = READ((struct inet_sock *)sk, inet_sport);
		info->local_port = port >> 8 | port << 8;
	}
	return sizeof(*info);
}

#endif
