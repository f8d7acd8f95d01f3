// Package scap reads and writes captures as Falco, sysdig and Stratoshark write them: blocks in the manner of pcapng, gzip or not.
package scap

import "net/netip"

// Machine is the machine that the capture was made on.
type Machine struct {
	CPUs     uint32
	Memory   uint64 // bytes
	MaxPid   uint64
	Hostname string
	// BootTime is ns since the epoch, 0 if unknown.
	BootTime uint64
}

// User is an account of the machine, Group a group of it.
type User struct {
	UID, GID          uint32
	Name, Home, Shell string
}

// Group is a group of accounts.
type Group struct {
	GID  uint32
	Name string
}

// Interface is a network interface's address.
type Interface struct {
	Name    string
	Address netip.Addr
	Mask    netip.Addr // invalid where there is none
}

// Process is a thread that ran when the capture began. What the version of its list does not have is zero, or -1 where it says so.
type Process struct {
	Tid, Pid, Ptid int64
	// Sid, Vpgid, Vtid, Vpid and Pgid are -1 if the list lacks them.
	Sid, Vpgid, Vtid, Vpid, Pgid int64

	Comm, Exe, ExePath string
	// Args, Env and Cgroups are NUL-terminated texts one behind the other.
	Args, Env, Cgroups string
	Cwd, Root          string
	FDLimit            int64
	// Flags are PPM_CL_* bits.
	Flags    uint32
	UID, GID uint32
	// VMSize, VMRSS and VMSwap are in KiB.
	VMSize, VMRSS, VMSwap, MajorFaults, MinorFaults uint64

	PidnsStart                       uint64
	TTY                              uint32
	LoginUID                         uint32 // 4294967295 if unset or not known
	ExeWritable                      bool
	CapInheritable                   uint64
	CapPermitted, CapEffective       uint64
	ExeUpper, ExeLower, ExeFromMemfd bool
	ExeIno, ExeCtime, ExeMtime       uint64
}

// DescriptorKind is the kind that a descriptor has in the file (scap_fd_type).
type DescriptorKind uint8

// Descriptor is an open descriptor of a process when the capture began.
type Descriptor struct {
	FD   int64
	Ino  uint64
	Kind DescriptorKind

	// Local and Remote are the source and the destination of a connected socket; of a listening one Local alone is set.
	Local, Remote netip.AddrPort
	L4            uint8
	// Source and Destination are the kernel's addresses of the ends of a unix socket.
	Source, Destination uint64
	// Path is a file's path, or the name of another kind.
	Path string
	// OpenFlags are Falco's numbers (PPM_O_*). MountID and Dev are 0 if unknown.
	OpenFlags, MountID, Dev uint32
}

// Event is one event as the file has it, or as the converter made it.
type Event struct {
	// Offset is that of its block in the uncompressed stream.
	Offset int64
	CPU    uint16
	Flags  uint32
	// Time is ns since the epoch.
	Time uint64
	Tid  int64
	// Code is the number in Falco's event table (PPME_*).
	Code uint16
	// Params alias memory that is reused for the next event.
	Params [][]byte
}
