package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// preparations are what a trigger does to itself before it executes a file.
var preparations = map[string]func() error{
	"nobody":       becomeNobody,
	"terminal":     takeTerminal,
	"capabilities": dropCapabilities,
	"loginuid":     func() error { return os.WriteFile("/proc/thread-self/loginuid", []byte("4242"), 0) }, // a thread may write its own alone
	"group":        func() error { return unix.Setpgid(0, 0) },
}

const nobody = 65534

// becomeNobody changes the calling thread's user and group.
func becomeNobody() error {
	for _, nr := range []uintptr{unix.SYS_SETRESGID, unix.SYS_SETRESUID} {
		if _, _, errno := unix.RawSyscall(nr, nobody, nobody, nobody); errno != 0 {
			return errno
		}
	}
	return nil
}

// takeTerminal opens a pseudo-terminal and makes it the controlling one of a session of its own.
func takeTerminal() error {
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return err
	}
	n, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err != nil {
		return err
	}
	if _, err := unix.Setsid(); err != nil {
		return err
	}
	slave, err := unix.Open(fmt.Sprintf("/dev/pts/%d", n), unix.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	return unix.IoctlSetInt(slave, unix.TIOCSCTTY, 0)
}

// dropCapabilities makes the three sets of the next image different from the usual ones, and from each other.
func dropCapabilities() error {
	const noRoot = 1<<0 | 1<<2 // SECBIT_NOROOT, SECBIT_NO_SETUID_FIXUP (linux/securebits.h): root's exec gets no capabilities
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, noRoot, 0, 0, 0); err != nil {
		return err
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	kept := uint32(1<<unix.CAP_CHOWN | 1<<unix.CAP_NET_RAW | 1<<unix.CAP_SYS_ADMIN)
	data := [2]unix.CapUserData{
		{Effective: kept, Permitted: kept, Inheritable: 1<<unix.CAP_CHOWN | 1<<unix.CAP_NET_RAW},
		{Effective: 1 << (unix.CAP_BPF - 32), Permitted: 1 << (unix.CAP_BPF - 32), Inheritable: 1 << (unix.CAP_BPF - 32)},
	}
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_NET_RAW, 0, 0)
}

// Who the new image is: each case changes something, and the image says what has come of it.
func TestExecIdentity(t *testing.T) {
	exe := executable(t)
	for _, tt := range []struct {
		name  string
		check func(t *testing.T, p *event.Process)
	}{
		{"nobody", func(t *testing.T, p *event.Process) {
			if p.UID != nobody || p.EUID != nobody || p.GID != nobody || p.EGID != nobody || p.CapEffective != 0 || p.ExeWritable {
				t.Errorf("nobody is %+v", p)
			}
		}},
		{"terminal", func(t *testing.T, p *event.Process) {
			const major = 136 // of /dev/pts (devices.txt)
			if p.TTY>>8 != major || p.Sid != p.Key.Tgid || p.Pgid != p.Key.Tgid {
				t.Errorf("terminal %#x, session %d, group %d", p.TTY, p.Sid, p.Pgid)
			}
		}},
		{"capabilities", func(t *testing.T, p *event.Process) {
			const inheritable, permitted = 1<<unix.CAP_CHOWN | 1<<unix.CAP_NET_RAW | 1<<unix.CAP_BPF, 1 << unix.CAP_NET_RAW
			if p.CapInheritable != inheritable || p.CapPermitted != permitted || p.CapEffective != permitted {
				t.Errorf("capabilities %x %x %x", p.CapInheritable, p.CapPermitted, p.CapEffective)
			}
		}},
		{"loginuid", func(t *testing.T, p *event.Process) {
			if p.LoginUID != 4242 {
				t.Errorf("login uid %d", p.LoginUID)
			}
		}},
		{"group", func(t *testing.T, p *event.Process) {
			if p.Pgid != p.Key.Tgid || p.Sid == p.Pgid {
				t.Errorf("group %d, session %d", p.Pgid, p.Sid)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var facts execFacts
			// By a descriptor, because the folder of the test binary is not everybody's.
			c := runExec(t, &facts, "", execSpec{Dir: exe, Argv: []string{"who"}, Env: imageVars(), Prepare: tt.name})
			ev := c.exec()
			facts.Call.Want.Type, facts.Image.Filename = event.TypeExecveat, ev.Filename
			c.checkExec(ev, facts)
			tt.check(t, ev.Process)
		})
	}
}

// setuidTrigger opens one file before and one after it changes its user.
func setuidTrigger(args []string) (any, error) {
	before, err := openat(unix.AT_FDCWD, args[0]+"/before", event.File{Given: args[0] + "/before"})
	if err != nil {
		return nil, err
	}
	if err := becomeNobody(); err != nil {
		return nil, err
	}
	after, err := openat(unix.AT_FDCWD, args[0]+"/after", event.File{Given: args[0] + "/after"})
	return []*callFacts{before, after}, err
}

func TestSetuid(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(dir+"/before", nil, 0o644))
	must(t, os.WriteFile(dir+"/after", nil, 0o644))
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	var facts []callFacts
	c := trigger(t, &facts, "setuid", dir)
	before, after := c.open(event.TypeOpenat, dir+"/before"), c.open(event.TypeOpenat, dir+"/after")
	c.check(before, facts[0])
	c.check(after, facts[1])
	if p := before.Process; p.EUID != 0 || p.EGID != 0 {
		t.Errorf("before: user %d, group %d", p.EUID, p.EGID)
	}
	if p := after.Process; p.EUID != nobody || p.EGID != nobody || p.ExecID != before.ExecID || p.Cmdline != before.Process.Cmdline {
		t.Errorf("after: user %d, group %d of %q", p.EUID, p.EGID, p.Cmdline)
	}
}

func TestPidNamespace(t *testing.T) {
	cmd := command(t, "image")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	var facts execFacts
	c := watch(t, &facts, cmd)
	ev := c.exec()
	facts.Image.Filename = cmd.Path
	facts.Call.Want.CPU = ev.CPU // the exec came before the trigger chose its processor
	c.checkExec(ev, facts)
	if ev.Vpid != 1 || ev.Vtid != 1 || ev.Tgid != c.pid || ev.Process.Vpid != 1 {
		t.Errorf("process %d is %d in its namespace, its image %d; want %d and 1", ev.Tgid, ev.Vpid, ev.Process.Vpid, c.pid)
	}
	if ev.Process.PidnsStart != ev.Key.Start {
		t.Errorf("the namespace began at %d, its first process at %d", ev.Process.PidnsStart, ev.Key.Start)
	}
	if parent := ev.Process.Parent; parent.PidnsStart >= ev.Process.PidnsStart || parent.Vpid != parent.Key.Tgid {
		t.Errorf("the parent %+v is in the namespace that began at %d", parent.Key, parent.PidnsStart)
	}
}

// The watching process's own calls make no records, even where another's do.
func TestOwnProcessIsLeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, nil, 0o600))
	w := newWatcher(t, controller())
	_, err := os.ReadFile(path)
	must(t, err)
	var facts callFacts
	c := w.run(&facts, command(t, "open as", "/", path, path))
	c.find("open by anybody", func(ev *event.Event) bool { return event.IsOpen(ev.Type) && ev.File.Raw == path })
	c.check(c.open(event.TypeOpenat, path), facts)
}
