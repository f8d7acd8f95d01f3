package event

// MaxArgs and MaxEnv are how many bytes of the arguments and of the environment of a process are kept (bpf/event.h, ARGS_LEN_MAX
// and ENV_LEN_MAX).
const (
	MaxArgs = 32768
	MaxEnv  = 4096
)

// Process is one image of a process: what it was from one exec (or its fork) to the next.
//
// It is immutable after it was published by the process table, but for Parent, which the table cuts when a parent
// has long been dead. Every string is its own memory.
type Process struct {
	Key    Key
	ExecID uint64
	// Vpid is the pid in the process's own pid namespace; Pgid and Sid are in the initial one, Vpgid in its own.
	Vpid, Pgid, Vpgid, Sid int32
	// Ppid is the parent's pid in the initial namespace; Parent may be nil although Ppid is known.
	Ppid   int32
	Parent *Process

	// Comm is the kernel's task name right after exec, at most 15 bytes (proc.name).
	Comm string
	// Exe is argv[0], ExePath the kernel-resolved path of the executed file, Filename the path given to execve.
	Exe, ExePath, Filename string
	// Interp is the interpreter's path as named by a script's first line; empty if the file itself ran.
	Interp string
	// Cmdline is Comm and the arguments without argv[0], joined by blanks; Args the latter part alone.
	Cmdline, Args string
	// ArgList is argv without argv[0].
	ArgList []string
	// ArgsLen is the kernel's length of the whole argv area in bytes, also where only part of it was copied.
	ArgsLen uint32
	// Env is the environment, NAME=value, each; bounded.
	Env []string
	// Cwd is the working directory at the last exec, or the fork, with a slash at its end; [Caller] has that of an event.
	Cwd string
	// TTY is the controlling terminal's device number, 0 if there is none.
	TTY uint32
	// LoginUID is 4294967295 if unset.
	LoginUID             uint32
	UID, EUID, GID, EGID uint32
	// Caps are the capability sets as bit masks (linux/capability.h).
	CapInheritable, CapPermitted, CapEffective uint64

	// ExecTime is the time of the last exec, in ns since boot as all times here (see [Event.Clock]); 0 before the first one.
	ExecTime uint64
	// PidnsStart is the start of the pid namespace's first process; 0 if unknown.
	PidnsStart uint64
	// FDLimit is the soft limit of open descriptors at the last exec.
	FDLimit uint64

	// ExeID and the rest describe the executed file.
	ExeID       FileID
	ExeMode     uint32
	ExeNlink    uint32
	ExeLayer    Layer
	ExeWritable bool
	ExeMemfd    bool
	// Flags carry the truncation marks of this image.
	Flags Flags
	// KernelThread has no user memory.
	KernelThread bool
	// Partial: only ids and the name are known; an empty text is one that could not be had.
	Partial bool
}

// Ancestor returns the n-th ancestor: 0 is the process itself, 1 its parent. Nil past the known end.
func (p *Process) Ancestor(n int) *Process {
	for ; p != nil && n > 0; n-- {
		p = p.Parent
	}
	return p
}
