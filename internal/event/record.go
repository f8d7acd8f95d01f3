package event

// Kind says what a kernel record is about.
type Kind uint8

const (
	KindNone Kind = iota
	// KindExec: a process has a new image (Record.Image). Also an event.
	KindExec
	// KindFork: a new process (Record.Image holds what the kernel says of it).
	KindFork
	// KindExit: the end of a process. Also an event.
	KindExit
	// KindTask: a process that ran before the sensor did.
	KindTask
	// KindOpen and KindExecFailed are events.
	KindOpen
	KindExecFailed
	// KindUring: a new ring of io_uring. An event.
	KindUring
	// KindCall: a system call with a row in the table, or one with a number alone. An event.
	KindCall
	// KindCgroupMade and KindCgroupRemoved are about Record.Cgroup.
	KindCgroupMade
	KindCgroupRemoved
	// KindCanary: the sensor made it itself, with the number Record.Canary.
	KindCanary
	// KindSignal: another process sent the sensor Record.Signal.
	KindSignal
)

// Record is one decoded kernel record, before the process room has seen it. It is reused; its texts alias the ring
// buffer.
type Record struct {
	Kind Kind
	// Seq counts the records that this CPU made for this ring, from 1; lost ones count too.
	Seq uint64
	CPU uint16

	// Event is the event to be; for records that are none its header fields name the task that caused them.
	Event Event
	// Ppid, EUID and EGID are the task's at the time of the record.
	Ppid       int32
	EUID, EGID uint32

	// Image is the new image of KindExec, KindFork and KindTask. Its texts alias the ring; argv and the environment
	// are in Args and Env instead.
	Image Process
	// ParentStart is the start time of the image's real parent, 0 if unknown.
	ParentStart uint64
	// ImageCgroup is the cgroup of the image's process.
	ImageCgroup uint64
	// Args and Env are NUL-terminated strings one after the other.
	Args, Env string
	Ancestors []Ancestor

	Cgroup Cgroup
	Canary uint64
	Signal Signal
}

// IsEvent tells whether rules may see the record.
func (r *Record) IsEvent() bool {
	switch r.Kind {
	case KindExec, KindExit, KindOpen, KindExecFailed, KindUring, KindCall:
		return true
	}
	return false
}

// Ancestor is a process above another, as the kernel named it at the time.
type Ancestor struct {
	Key  Key
	Comm string
}

// Signal is one that another process sent to the sensor.
type Signal struct {
	Number int32
	// Ptrace: a debugger attaches, the signal is the kernel's way to stop for it.
	Ptrace bool
}

// Cgroup is a directory of the hierarchy that the sensor follows.
type Cgroup struct {
	ID uint64
	// Path is relative to the hierarchy's root, with a leading slash.
	Path string
}
