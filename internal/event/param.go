package event

import (
	"net/netip"
	"slices"
	"strings"
)

// Param is the value of one parameter of a system call, in the order of the call's row in the table. Its texts alias the record.
type Param struct {
	// Missing: there is none, or it could not be read. Truncated: it is longer than what was copied.
	Missing, Truncated bool
	// Num is a number as the caller or the kernel has it; of bytes, how many there were.
	Num int64
	// Text is a string, a path, or bytes, as the caller gave it.
	Text string
	// Given is a path made absolute by text alone, in an event of a capture also what else the value stands for; AtExit what that had
	// become when the call returned, if another thread rewrote it meanwhile, otherwise empty.
	Given, AtExit string
	// Addr is a socket address; invalid if it is of another family than IPv4 and IPv6. The name of a unix socket is in Text.
	Addr netip.AddrPort
	// Descriptor is what a descriptor led to when the call returned, Polled what each of a poll's did, in the order of Text.
	Descriptor Descriptor
	Polled     []Descriptor
}

// DescriptorKind says what a descriptor leads to.
type DescriptorKind uint8

// Kinds of descriptors.
const (
	// KindUnknown: there is no such descriptor.
	KindUnknown DescriptorKind = iota
	KindFile
	KindDirectory
	KindSocket
	KindPipe
	// KindNamespace: a namespace of a process; Descriptor.Path is its kind: "net", "uts".
	KindNamespace
	// KindAnonymous: a kernel object without a place in a file system; Descriptor.Path tells which.
	KindAnonymous
)

// Descriptor is what an open descriptor leads to, as the kernel has it.
type Descriptor struct {
	Kind DescriptorKind
	// Path is the file's, from the process's root, or the name of a kernel object: "[eventfd]", "memfd:NAME".
	Path string
	// OutsideRoot: the path is from the root of the file's own mount tree.
	OutsideRoot bool
	ID          FileID
	// InodeMode is the file's i_mode, OpenFlags its O_* flags.
	InodeMode uint32
	OpenFlags uint32
	Nlink     uint32
	Layer     Layer
	// Socket is set for KindSocket.
	Socket Socket
	// Captured is set in events of a capture.
	Captured *CapturedDescriptor
}

// Socket is a socket with its two ends.
type Socket struct {
	// Family, Type and Protocol are the kernel's AF_*, SOCK_* and IPPROTO_* numbers, State its TCP_* state.
	Family, Type, Protocol, State uint16
	// Local and Remote are the ends of an IPv4 or IPv6 socket; port 0: there is none yet. Of a datagram socket that is not connected
	// Remote is the address that the call's data went to or came from.
	Local, Remote netip.AddrPort
	// Addressed: Remote is such an address.
	Addressed bool
	// Server: the socket listens, took a connection, is a datagram socket that was bound to a port, or a unix socket with a name.
	Server bool
	// Sock and Peer are the kernel's addresses of the two ends of a unix socket; Name is what it is bound to, or its peer, if
	// PeerName.
	Sock, Peer uint64
	Name       string
	PeerName   bool
	// QueueLen and QueueMax are of a listening socket.
	QueueLen, QueueMax uint32
	// Ends are set in events of a capture.
	Ends *Ends
}

func (p *Param) cloneStrings() {
	for _, s := range []*string{&p.Text, &p.Given, &p.AtExit} {
		*s = strings.Clone(*s)
	}
	p.Descriptor.cloneStrings()
	p.Polled = slices.Clone(p.Polled)
	for i := range p.Polled {
		p.Polled[i].cloneStrings()
	}
}

func (d *Descriptor) cloneStrings() {
	d.Path, d.Socket.Name = strings.Clone(d.Path), strings.Clone(d.Socket.Name)
	d.Captured, d.Socket.Ends = d.Captured.clone(), d.Socket.Ends.clone()
}
