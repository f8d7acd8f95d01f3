// Package event holds the nouns that the rooms pass on: an event, its process, file, container and pod.
//
// One [Event] value is reused for every record. Its strings may alias the ring buffer and are valid only until
// the next record is read; [Event.Clone] copies what must live longer. It imports nothing of ours.
package event

import (
	"slices"
	"strings"

	"github.com/valyala/fastjson"
)

// Event is one occurrence as the rules see it: one system call exit, or a process exit.
type Event struct {
	// Num counts the events given to the rules, from 1.
	Num uint64
	// Time is the wall-clock time in ns since the epoch: Clock's value for Boot, the kernel's time in ns since boot.
	Time int64
	Boot uint64
	// First and Previous are Boot of the first event and of the one before, of this event's run of the sensor. Of events of several CPUs
	// the one before may be later. 0: not known.
	First, Previous uint64
	Clock           *Clock
	Type            Type
	CPU             uint16
	// Generation is that of the kernel programs which made the record (probe.Renewal); its rules are the event's.
	Generation uint8
	// Flags say what is special about this record, above all what may not be trusted.
	Flags Flags

	// Tgid and Tid are in the initial pid namespace, Vpid and Vtid in the caller's own.
	Tgid, Tid, Vpid, Vtid int32
	// Key names the process; ExecID the image that it ran at the time (task_struct.self_exec_id).
	Key    Key
	ExecID uint64
	// CgroupID is the id of the cgroup in the hierarchy that the sensor follows (cgroup.kn.id).
	CgroupID uint64

	// Ret is the system call's return value: a file descriptor or 0, or -errno.
	Ret int64

	// File is set (File.Present) for calls that open a file.
	File File
	// Matched says which of the file's names the rules see at the moment, and which one an alert shows.
	Matched Name
	// Filename is the path given to execve or execveat, as the kernel copied it; for a failed exec it is read
	// from user memory (FlagUnverified).
	Filename string
	// FilenameAtExit is what Filename had become when the exec failed, if it was rewritten (FlagNameChanged).
	FilenameAtExit string
	// DirFD is the directory descriptor of an "at" call, AtFDCWD if none was given. Dir is the path of what it stands for and
	// DirMode its i_mode; empty and 0 if it is not known, and for AtFDCWD.
	DirFD   int32
	Dir     string
	DirMode uint32
	// Exit is set for procexit.
	Exit Exit
	// Uring is set for io_uring_setup.
	Uring Uring
	// Params are those of a system call with a row in the table, in the row's order; empty for other events. NativeID is the
	// call's number in the caller's table.
	Params   []Param
	NativeID uint32
	// FD is the index in Params of the descriptor that the call is about; -1 if it is about none. It says nothing without Params.
	FD int

	// Process is the image that made the call: never nil once the process room has seen the event.
	Process *Process
	// Container is nil on the host and while a container's metadata is unknown; see ContainerID.
	Container *Container
	// ContainerID is the first 12 digits of the container's id, or "host".
	ContainerID string
	// ContainerMissing says in a few words why Container is nil, or not all that there is to know, although the process is in a
	// container; empty otherwise.
	ContainerMissing string
	// PodMeta is what the API server or the kubelet says of the container's pod; nil unless one is asked.
	PodMeta *PodMeta
	// Accounts are the users and groups of the container, or of the host. May be nil.
	Accounts *Accounts
	// Caller is what rules ask of the thread and its process at that moment; nil if they ask nothing.
	Caller *Caller
	// Hosts are the host names that rules name, by their addresses. May be nil.
	Hosts Hosts
	// Raw is the kernel's record of the event, where somebody records events; nil otherwise.
	Raw []byte
	// Captured is set for events of a capture.
	Captured *Captured
	// Document is what an event of another source than the kernel says; nil for the kernel's. It is for the goroutine that has the event,
	// even to read.
	Document *fastjson.Value
}

// AtFDCWD is the dirfd that stands for the working directory (linux/fcntl.h).
const AtFDCWD = -100

// HostID is the container id of what runs outside containers.
const HostID = "host"

// Failed tells whether the call returned an error.
func (e *Event) Failed() bool { return e.Ret < 0 }

// Flags of an event.
type Flags uint32

const (
	// FlagUnverified: a path was read from user memory, which another thread may have rewritten, or the file could not be
	// looked at.
	FlagUnverified Flags = 1 << iota
	// FlagPathTruncated: a path that was walked lost its front: File.Resolved, Process.ExePath, or the folder that a
	// relative File.Given, Filename or Process.Cwd is made of. Or File.FS is not known because it is too deep.
	FlagPathTruncated
	// FlagRawTruncated: the path string of the caller was cut or could not be read.
	FlagRawTruncated
	// FlagArgsTruncated: the arguments are longer than what was copied.
	FlagArgsTruncated
	// FlagEnvTruncated: the environment is longer than what was copied.
	FlagEnvTruncated
	// FlagCompat: made by the 32-bit system call entry.
	FlagCompat
	// FlagOutsideRoot: the file does not lie below the process's root directory; its path is from its own mount
	// namespace's root.
	FlagOutsideRoot
	// FlagNameChanged: the path string of a failed call was another one when it returned than when it began.
	FlagNameChanged
	// FlagRepaired: the process was not in the table; what is known was read back from the kernel.
	FlagRepaired
	// FlagIoUring: a ring of io_uring made the call.
	FlagIoUring
	// FlagDirTruncated: what the call's directory descriptor stands for lost its front, and no name of the event starts there.
	FlagDirTruncated
)

// Key names a process for as long as the machine is up: the pid alone is reused.
type Key struct {
	Tgid int32
	// Start is the thread group leader's start in ns since boot (task_struct.start_boottime).
	Start uint64
}

// Exit describes the end of a process.
type Exit struct {
	// Code is the wait(2) status; Ret and Sig its parts.
	Code, Ret, Sig int32
	Core           bool
	// Reaper is the tgid of the process that gets the children, 0 if there are none.
	Reaper int32
}

// Uring describes a new ring of io_uring.
type Uring struct {
	SQEntries, CQEntries uint32
	// Flags are the kernel's IORING_SETUP_* bits (linux/io_uring.h).
	Flags uint32
	// Known: the rest could be had. It was read from user memory.
	Known bool
	// Entries is the number that was asked for. ThreadCPU and ThreadIdle, in ms, are for a polling thread.
	Entries, ThreadCPU, ThreadIdle uint32
	// Features are the kernel's IORING_FEAT_* bits.
	Features uint32
}

// Clone copies the event and every string that aliases the ring buffer. Process, Container, Accounts and Hosts are
// immutable and shared.
func (e *Event) Clone() *Event {
	c := *e
	c.Filename = strings.Clone(e.Filename)
	c.FilenameAtExit = strings.Clone(e.FilenameAtExit)
	c.Dir = strings.Clone(e.Dir)
	c.Raw = slices.Clone(e.Raw)
	c.File.cloneStrings()
	c.Caller = e.Caller.clone()
	c.Params = slices.Clone(e.Params)
	for i := range c.Params {
		c.Params[i].cloneStrings()
	}
	if c.Captured != nil {
		c.cloneCaptured()
	}
	return &c
}
