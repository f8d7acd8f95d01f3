package event

import (
	"net/netip"
	"slices"
	"strings"
)

// Captured is what an event of a .scap capture has besides: Falco's libraries recorded it, and its fields show what Falco shows of it.
// A Process of such an event changes with the next one.
type Captured struct {
	// Code is the event's number in Falco's event table, Category its evt.category; empty where the descriptor decides it.
	Code     int
	Category string
	// Params is how many parameters the event has. They stand first in Event.Params, in the order of Falco's event table, of any event.
	Params int
	// Raw are those parameters as the capture has them, in today's form. They are valid as long as the event.
	Raw [][]byte
	// Syscall: the event is a system call; Returned: with a return value. Notice: it is none, but tells of what recorders know.
	Syscall, Returned, Notice bool
	// Hostname is the name of the machine of the capture.
	Hostname string
	// Errno: a negative return value is an error's number by the parameter's type.
	Errno bool
	// OpenFlags are those of an open, in Falco's numbers.
	OpenFlags uint32
	// Paths are fs.path.name, fs.path.source and fs.path.target; empty where the event has none.
	Paths [3]string
	// Cgroups are the thread's, each as CONTROLLER=PATH.
	Cgroups []string
}

// CapturedDescriptor is what a capture knows of a descriptor, instead of what the kernel tells.
type CapturedDescriptor struct {
	// Type is Falco's word, empty if there is none, and Char the character that stands for it.
	Type string
	Char byte
	Name string
	// Connected: a connection was made or tried. NameChanged: the event gave the descriptor another name.
	Connected, NameChanged bool
}

// Ends are the ends of a socket of IPv4 or IPv6 as a capture knows them, instead of [Socket.Local], Remote and Server.
type Ends struct {
	// Source is the client's end, invalid for a socket that only listens; Destination the server's.
	Source, Destination netip.AddrPort
	// Roles: it is known which end is which.
	Roles bool
	// DestinationLocal: the destination is this machine's end, and not the source.
	DestinationLocal bool
	// Server is fd.is_server, L4 fd.l4proto.
	Server bool
	L4     string
}

// clone copies what the next event of the capture changes: the event's own facts, and the images of its process and the ancestors.
func (e *Event) cloneCaptured() {
	own := *e.Captured
	own.Raw = slices.Clone(own.Raw)
	for i := range own.Raw {
		own.Raw[i] = slices.Clone(own.Raw[i])
	}
	e.Captured = &own
	const most = 128
	for n, link := 0, &e.Process; *link != nil && n < most; n++ {
		image := **link
		*link = &image
		link = &image.Parent
	}
}

func (d *CapturedDescriptor) clone() *CapturedDescriptor {
	if d == nil {
		return nil
	}
	own := *d
	own.Name = strings.Clone(d.Name)
	return &own
}

func (e *Ends) clone() *Ends {
	if e == nil {
		return nil
	}
	own := *e
	return &own
}
