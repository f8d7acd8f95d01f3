package call

import "github.com/saker-sensor/saker/internal/bpfgen"

// Operation is one that a ring of io_uring can be asked for (linux/io_uring.h: enum io_uring_op), and the call that it is the equivalent
// of (io_uring_enter(2)).
type Operation struct {
	Number int
	Call   string
	// Args are the call's arguments, in their order; what is not named is 0.
	Args []Member
	// FD is the index of the argument that is the request's own descriptor, Slot the place in the ring's own table where a new file goes.
	FD   int
	Slot Member
	// Rules say when the arguments are read and how many answers there may be.
	Rules bpfgen.SensorUringRules
}

// Member says where the kernel's request has an argument: structure.member, with the members of inner structures behind. The zero
// value is nowhere.
type Member struct {
	Name   string
	Source bpfgen.SensorUringSource
	// Else is where it is if the kernel has no such member.
	Else *Member
}

func (m Member) or(other Member) Member {
	m.Else = &other
	return m
}

// noFD is the [Operation.FD] of one that is asked for without a descriptor of its own.
const noFD = int(bpfgen.SensorParamArgARG_NONE)

// Operations are those that are events.
func Operations() []Operation {
	const (
		fills   = bpfgen.SensorUringRulesURING_FILLS
		several = bpfgen.SensorUringRulesURING_SEVERAL
	)
	none := Member{}
	num := func(name string) Member { return Member{Name: name, Source: bpfgen.SensorUringSourceURING_NUMBER} }
	text := func(name string) Member { return Member{Name: name, Source: bpfgen.SensorUringSourceURING_NAME} }
	kept := func(name string) Member { return Member{Name: name, Source: bpfgen.SensorUringSourceURING_ASYNC} }
	all := func(structure string, members ...string) (args []Member) {
		for _, m := range members {
			if m == "" {
				args = append(args, none)
			} else {
				args = append(args, num(structure+"."+m))
			}
		}
		return args
	}
	// Since 6.0 data may go to an address; newer kernels keep a copy of it alone.
	sendto := append(all("io_sr_msg", "", "buf", "len", "msg_flags"),
		num("io_sr_msg.addr").or(kept("io_async_msghdr.msg.msg_name")), num("io_sr_msg.addr_len").or(kept("io_async_msghdr.msg.msg_namelen")))
	data := all("io_rw", "", "addr", "len", "kiocb.ki_pos")
	open := []Member{num("io_open.dfd"), text("io_open.filename"), num("io_open.how.flags"), num("io_open.how.mode"),
		num("io_open.how.resolve")}
	return []Operation{
		{Number: 1, Call: "preadv", Args: data, Rules: fills},
		{Number: 2, Call: "pwritev", Args: data},
		{Number: 3, Call: "fsync"},
		{Number: 4, Call: "pread", Args: data, Rules: fills}, // from a registered buffer
		{Number: 5, Call: "pwrite", Args: data},
		{Number: 9, Call: "sendmsg", Args: all("io_sr_msg", "", "umsg", "msg_flags")},
		{Number: 10, Call: "recvmsg", Args: all("io_sr_msg", "", "umsg", "msg_flags"), Rules: fills | several},
		{Number: 13, Call: "accept4", Args: all("io_accept", "", "addr", "addr_len", "flags"), Slot: num("io_accept.file_slot"),
			Rules: fills | several},
		{Number: 16, Call: "connect", Args: all("io_connect", "", "addr", "addr_len")},
		{Number: 17, Call: "fallocate"},
		{Number: 18, Call: "openat", Args: open, FD: noFD, Slot: num("io_open.file_slot")},
		{Number: 19, Call: "close", Args: all("io_close", "fd"), FD: noFD, Slot: num("io_close.file_slot")},
		{Number: 21, Call: "statx"},
		{Number: 22, Call: "pread", Args: data, Rules: fills},
		{Number: 23, Call: "pwrite", Args: data},
		{Number: 26, Call: "sendto", Args: sendto},
		{Number: 27, Call: "recvfrom", Args: all("io_sr_msg", "", "buf", "len", "msg_flags"), Rules: fills | several},
		{Number: 28, Call: "openat2", Args: open, FD: noFD, Slot: num("io_open.file_slot")},
		{Number: 29, Call: "epoll_ctl"},
		{Number: 30, Call: "splice", Args: all("io_splice", "splice_fd_in", "off_in", "", "off_out", "len", "flags"), FD: 2},
		{Number: 33, Call: "tee"},
		{Number: 34, Call: "shutdown", Args: all("io_shutdown", "", "how")},
		{Number: 35, Call: "renameat2", FD: noFD, Args: []Member{num("io_rename.old_dfd"), text("io_rename.oldpath"), num("io_rename.new_dfd"),
			text("io_rename.newpath"), num("io_rename.flags")}},
		{Number: 36, Call: "unlinkat", FD: noFD, Args: []Member{num("io_unlink.dfd"), text("io_unlink.filename"), num("io_unlink.flags")}},
		{Number: 37, Call: "mkdirat", FD: noFD, Args: []Member{num("io_mkdir.dfd"), text("io_mkdir.filename"), num("io_mkdir.mode")}},
		{Number: 38, Call: "symlinkat", FD: noFD, Args: []Member{text("io_link.oldpath"), num("io_link.new_dfd"), text("io_link.newpath")}},
		{Number: 39, Call: "linkat", FD: noFD, Args: []Member{num("io_link.old_dfd"), text("io_link.oldpath"), num("io_link.new_dfd"),
			text("io_link.newpath"), num("io_link.flags")}},
		{Number: 41, Call: "fsetxattr"},
		{Number: 42, Call: "setxattr"},
		{Number: 45, Call: "socket", FD: noFD, Args: all("io_socket", "domain", "type", "protocol"), Slot: num("io_socket.file_slot")},
		{Number: 47, Call: "sendto", Args: sendto}, // without copying
		{Number: 48, Call: "sendmsg", Args: all("io_sr_msg", "", "umsg", "msg_flags")},
		{Number: 49, Call: "pread", Args: data, Rules: fills | several},
		{Number: 55, Call: "ftruncate", Args: all("io_ftrunc", "", "len")},
		{Number: 56, Call: "bind"}, // where the kernel keeps the address is nowhere told; the socket has it then
		{Number: 57, Call: "listen", Args: all("io_listen", "", "backlog")},
	}
}
