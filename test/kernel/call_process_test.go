package kernel

import (
	"errors"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// noPID is a process that is not there: above the kernel's limit (PID_MAX_LIMIT, linux/threads.h).
const noPID = 1 << 23

// processCalls are the calls about processes, signals and credentials.
var processCalls = []callRow{
	{name: "setns", make: func(m *maker) {
		m.call(0, m.fd("fd", m.must(unix.Openat(m.proc, "ns/uts", unix.O_RDONLY|unix.O_CLOEXEC, 0))), numAs("nstype", unix.CLONE_NEWUTS, newUTS))
		m.call(unix.EBADF, m.fd("fd", noFD), num("nstype", 0))
	}},
	{name: "unshare", make: func(m *maker) {
		m.call(0, numAs("flags", unix.CLONE_NEWUTS|unix.CLONE_FS, newUTS|cloneFS))
		m.call(unix.EINVAL, numAs("flags", unix.CLONE_PARENT_SETTID, parentSetTID))
	}},
	{name: "ptrace", make: func(m *maker) {
		p := m.child()
		m.call(0, numAs("request", unix.PTRACE_SEIZE, seize), num("pid", p), num("addr", 0), num("data", unix.PTRACE_O_TRACEEXIT))
		m.call(unix.ESRCH, numAs("request", unix.PTRACE_ATTACH, attach), num("pid", noPID), num("addr", 7), num("data", 8))
	}},
	{name: "process_vm_readv", make: func(m *maker) {
		to, from := m.room(7), m.bytes("content")
		local, remote := m.vector("data", true, to), m.vector("", false, from)
		m.call(0, append(append([]arg{num("pid", int64(os.Getpid()))}, local...), word(remote[0].word), word(1), word(0))...)
		m.call(unix.ESRCH, append(append([]arg{num("pid", noPID)}, local...), word(remote[0].word), word(1), word(0))...)
	}},
	{name: "process_vm_writev", make: func(m *maker) {
		from, to := m.bytes("content"), m.room(7)
		local, remote := m.vector("data", false, from), m.vector("", false, to)
		m.call(0, append(append([]arg{num("pid", int64(os.Getpid()))}, local...), word(remote[0].word), word(1), word(0))...)
		m.call(unix.ESRCH, append(append([]arg{num("pid", noPID)}, local...), word(remote[0].word), word(1), word(0))...)
	}},
	{name: "pidfd_open", make: func(m *maker) {
		m.call(0, num("pid", int64(os.Getpid())), numAs("flags", unix.PIDFD_NONBLOCK, 1), m.result("fd"))
		m.call(unix.EINVAL, num("pid", -5), num("flags", 0), m.result("fd"))
	}},
	{name: "pidfd_getfd", make: func(m *maker) {
		fd, pidfd := m.open("a", unix.O_RDWR), m.must(unix.PidfdOpen(os.Getpid(), 0))
		m.call(0, m.fd("pid_fd", pidfd), num("target_fd", int64(fd)), num("flags", 0), m.result("fd"))
		m.call(unix.EINVAL, m.fd("pid_fd", pidfd), num("target_fd", 4), num("flags", 3), m.result("fd"))
	}},
	{name: "kill", make: func(m *maker) {
		m.call(0, num("pid", m.child()), num("sig", int64(unix.SIGTERM)))
		m.call(unix.ESRCH, num("pid", noPID), num("sig", int64(unix.SIGHUP)))
	}},
	{name: "tkill", make: func(m *maker) {
		m.call(0, num("tid", m.child()), num("sig", int64(unix.SIGTERM)))
		m.call(unix.EINVAL, num("tid", -1), num("sig", 0))
	}},
	{name: "tgkill", make: func(m *maker) {
		p := m.child()
		m.call(0, num("pid", p), num("tid", p), num("sig", 0))
		m.call(unix.ESRCH, num("pid", 1), num("tid", p), num("sig", int64(unix.SIGKILL)))
	}},
	{name: "nanosleep", make: func(m *maker) {
		m.call(0, m.all("interval", m.words(0, 1000)), word(0))
		m.call(unix.EINVAL, m.all("interval", m.words(0, 1e9)), word(0))
	}},
	{name: "getrlimit", make: func(m *maker) {
		limit := m.words(0, 0)
		m.call(0, numAs("resource", unix.RLIMIT_NOFILE, limitNoFile), word(at(limit)),
			seen(later("cur", limit[:8])), seen(later("max", limit[8:])))
		m.call(unix.EINVAL, numAs("resource", 99, 0xff), word(at(limit)), seen(later("cur", limit[:8])), seen(later("max", limit[8:])))
	}},
	{name: "setrlimit", make: func(m *maker) {
		var was unix.Rlimit
		m.note(unix.Getrlimit(unix.RLIMIT_CORE, &was))
		limit := m.words(was.Cur, was.Max)
		m.call(0, numAs("resource", unix.RLIMIT_CORE, limitCore), word(at(limit)), and("cur", int64(was.Cur)), and("max", int64(was.Max)))
		m.call(unix.EINVAL, numAs("resource", unix.RLIMIT_CORE, limitCore), word(at(m.words(5, 4))), and("cur", 5), and("max", 4))
	}},
	{name: "prlimit", make: func(m *maker) {
		old := m.words(0, 0)
		m.call(0, num("pid", 0), numAs("resource", unix.RLIMIT_NOFILE, limitNoFile), word(0), word(at(old)), and("newcur", 0), and("newmax", 0),
			seen(later("oldcur", old[:8])), seen(later("oldmax", old[8:])))
		m.call(unix.ESRCH, num("pid", noPID), numAs("resource", unix.RLIMIT_CORE, limitCore), word(at(m.words(1, 2))), word(0),
			and("newcur", 1), and("newmax", 2), and("oldcur", 0), and("oldmax", 0))
	}},
	{name: "setpgid", make: func(m *maker) {
		group := m.must(unix.Getpgid(0))
		m.call(0, num("pid", 0), num("pgid", int64(group)))
		m.call(unix.ESRCH, num("pid", noPID), num("pgid", 5))
	}},
	// The process leads no group before: it is in its parent's.
	{name: "setsid", make: func(m *maker) {
		m.call(0)
		m.call(unix.EPERM)
	}},
	{name: "seccomp", make: func(m *maker) {
		const getActionAvail = 2
		m.call(0, num("op", getActionAvail), num("flags", 0), word(at(m.words(unix.SECCOMP_RET_ERRNO))))
		m.call(unix.EINVAL, num("op", 77), num("flags", 1), word(0))
	}},
	{name: "capset", make: func(m *maker) {
		header := m.words(unix.LINUX_CAPABILITY_VERSION_3)
		// CAP_CHOWN, CAP_DAC_OVERRIDE and CAP_KILL; then no more than what is permitted by now.
		const effective, permitted, inheritable = 1, 1 | 1<<1, 1 << 1
		sets := []arg{and("cap_inheritable", inheritable), and("cap_permitted", permitted), and("cap_effective", effective)}
		m.call(0, append([]arg{word(at(header)), word(at(m.words(effective|permitted<<32, inheritable, 0)))}, sets...)...)
		m.call(unix.EPERM, append([]arg{word(at(header)), word(at(m.words(1<<5|1<<5<<32, 0, 0)))}, sets...)...)
	}},
	{name: "prctl", make: func(m *maker) {
		name := m.text("arg2_str", "renamed")
		m.call(0, num("option", unix.PR_SET_NAME), name, and("arg2_int", int64(name.word)), word(0), word(0), word(0))
		m.call(unix.EINVAL, num("option", unix.PR_SET_DUMPABLE), num("arg2_int", 9), seen(missing("arg2_str", 0)), word(0), word(0), word(0))
	}},
	{name: "setuid", make: setID("uid")},
	{name: "setgid", make: setID("gid")},
	{name: "setreuid", make: setID("ruid", "euid")},
	{name: "setregid", make: setID("rgid", "egid")},
	{name: "setresuid", make: setID("ruid", "euid", "suid")},
	{name: "setresgid", make: setID("rgid", "egid", "sgid")},
	{name: "getuid", always: takesNothing, make: getID("uid")},
	{name: "geteuid", always: takesNothing, make: getID("euid")},
	{name: "getgid", always: takesNothing, make: getID("gid")},
	{name: "getegid", always: takesNothing, make: getID("egid")},
	{name: "getresuid", make: getIDs(unix.SYS_SETRESUID, "ruid", "euid", "suid")},
	{name: "getresgid", make: getIDs(unix.SYS_SETRESGID, "rgid", "egid", "sgid")},
}

const takesNothing = "it takes nothing"

// Falco's numbers of flags of clone, of requests of ptrace, and of resources.
const (
	cloneFS      = 0x2
	newUTS       = 0x80
	parentSetTID = 0x200
	seize        = 20
	attach       = 11
	limitNoFile  = 7
	limitCore    = 4
)

// setID changes the ids of the thread alone: to three others as root, and then back, which it may not any more.
func setID(names ...string) func(m *maker) {
	return func(m *maker) {
		gid := strings.HasSuffix(names[0], "gid")
		var ids, root []arg
		for i, name := range names {
			ids, root = append(ids, num(name, int64(70001+i))), append(root, num(name, 0))
		}
		m.call(0, ids...)
		if gid {
			_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody)
			m.note(ignore(errno))
		}
		m.call(unix.EPERM, root...)
	}
}

// ignore passes on no error for the number 0.
func ignore(err error) error {
	if errors.Is(err, unix.Errno(0)) {
		return nil
	}
	return err
}

func getID(name string) func(m *maker) {
	return func(m *maker) {
		trap := uintptr(unix.SYS_SETRESUID)
		if strings.HasSuffix(name, "gid") {
			trap = unix.SYS_SETRESGID
		}
		_, _, errno := unix.RawSyscall(trap, 70001, 70001, 70001)
		m.note(ignore(errno))
		m.call(0, and(name, 70001))
	}
}

func getIDs(trap uintptr, names ...string) func(m *maker) {
	return func(m *maker) {
		_, _, errno := unix.RawSyscall(trap, 70001, 70002, 70003)
		m.note(ignore(errno))
		var args, bad []arg
		for _, name := range names {
			args = append(args, later(name, m.room(4)))
			bad = append(bad, missing(name, 8))
		}
		m.call(0, args...)
		m.call(unix.EFAULT, bad...)
	}
}

// child is a process that waits until it is killed; it dies with this one.
func (m *maker) child() int64 {
	cmd := exec.Command("sleep", "60")
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	m.note(cmd.Start())
	if cmd.Process == nil {
		return 0
	}
	return int64(cmd.Process.Pid)
}

// returned is a parameter that is what the call returned.
func returned(name string) arg {
	return arg{name: name, none: true, want: func(n int64) paramFacts { return paramFacts{Param: event.Param{Num: n}} }}
}
