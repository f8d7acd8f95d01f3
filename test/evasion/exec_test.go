package evasion

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestExec: ways to run a program under another name, from elsewhere, or by somebody else.
func TestExec(t *testing.T) { try(t, execs) }

var execs = []technique{
	{"plain exec", func(dir string) error { return run(nil, dir+"/payload", "true", "x") }, []expectation{
		seen(payloadRun, "proc.name=payload", "proc.exe=true", "evt.type=execve", "proc.args=x"),
	}},
	{"memfd and fexecve", func(dir string) error {
		fd, err := unix.MemfdCreate("[kworker/0:1]", 0)
		if err != nil {
			return err
		}
		if err := copyFile(dir+"/payload", fmt.Sprintf("/proc/self/fd/%d", fd)); err != nil {
			return err
		}
		return execveat(fd, "", unix.AT_EMPTY_PATH, "true", dir)
	}, []expectation{
		seen("spawned_process and proc.is_exe_from_memfd = true and proc.args = DIR",
			"evt.type=execveat", "proc.exepath=memfd:[kworker/0:1]", "proc.is_exe_from_memfd=true"),
	}},
	{"memfd by its name in proc", func(dir string) error {
		fd, err := unix.MemfdCreate("x", 0)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("/proc/self/fd/%d", fd)
		return errors.Join(copyFile(dir+"/payload", name), unix.Exec(name, []string{"true", dir}, nil))
	}, []expectation{
		seen("spawned_process and proc.is_exe_from_memfd = true and proc.args = DIR", "evt.type=execve", "proc.exepath=memfd:x"),
	}},
	{"execveat with an empty path", func(dir string) error {
		fd, err := unix.Open(dir+"/payload", unix.O_PATH, 0)
		if err != nil {
			return err
		}
		return execveat(fd, "", unix.AT_EMPTY_PATH, "true", "x")
	}, []expectation{seen(payloadRun, "evt.type=execveat", "proc.exepath=DIR/payload")}},
	{"execveat in a directory", func(dir string) error {
		fd, err := unix.Open(dir, unix.O_PATH, 0)
		if err != nil {
			return err
		}
		return execveat(fd, "payload", 0, "true", "x")
	}, []expectation{seen(payloadRun, "evt.type=execveat")}},
	{"name rewritten and exec fails", rewriteAndExecFails, []expectation{
		seen("evt.type = execve and evt.failed = true and evt.arg.filename = DIR/fuse/wanted",
			"evt.arg.filename=DIR/fuse/wanted", "fd.name.exit=DIR/fuse/decoy!", "evt.name_changed=true", "evt.unverified=true"),
	}},
	{"deleted program", func(dir string) error {
		fd, err := unix.Open(dir+"/payload", unix.O_PATH, 0)
		if err != nil {
			return err
		}
		err = errors.Join(os.Remove(dir+"/payload"), run(nil, fmt.Sprintf("/proc/self/fd/%d", fd), "true"), execRestore(dir))
		return err
	}, []expectation{seen(payloadRun, "proc.exepath=DIR/payload")}},
	{"symlink to a program", func(dir string) error {
		return errors.Join(os.Symlink("payload", dir+"/sshd"), run(nil, dir+"/sshd", "true"))
	}, []expectation{
		seen(payloadRun, "proc.name=sshd"),
		gap("spawned_process and proc.name = payload and proc.exepath startswith DIR/",
			"proc.name is the name by which it was called, as in Falco; proc.exepath is the file"),
	}},
	{"copy under another name", func(dir string) error {
		return errors.Join(copyFile(dir+"/payload", dir+"/sshd"), run(nil, dir+"/sshd", "true"))
	}, []expectation{
		gap(payloadRun, "a copy is another file; the content is not looked at"),
		seen("spawned_process and proc.exepath = DIR/sshd", "proc.name=sshd"),
	}},
	{"hard link to a program", func(dir string) error {
		return errors.Join(os.Link(dir+"/payload", dir+"/other"), run(nil, dir+"/other", "true"))
	}, []expectation{
		gap(payloadRun, otherName),
		seen("spawned_process and proc.exe_ino = PAYLOAD_INO and proc.exepath startswith DIR/", "proc.exepath=DIR/other"),
	}},
	{"program in a bind mount", func(dir string) error {
		err := errors.Join(os.Mkdir(dir+"/bound", 0o755), privateMounts(), unix.Mount(dir, dir+"/bound", "", unix.MS_BIND, ""))
		return errors.Join(err, run(nil, dir+"/bound/payload", "true"))
	}, []expectation{
		gap(payloadRun, otherName),
		seen("spawned_process and proc.exe_ino = PAYLOAD_INO and proc.exepath startswith DIR/", "proc.exepath=DIR/bound/payload"),
	}},
	{"program in a chroot", func(dir string) error {
		return run(&syscall.SysProcAttr{Chroot: dir}, "/payload", "true")
	}, []expectation{
		gap(payloadRun, rootName),
		seen("spawned_process and proc.exe_ino = PAYLOAD_INO and proc.name = payload", "proc.exepath=/payload"),
	}},
	{"script", func(dir string) error { return run(nil, dir+"/script", "x", "y") }, []expectation{
		seen("spawned_process and proc.script = DIR/script", "proc.name=script", "proc.exepath=*/busybox", "proc.args=sh DIR/script y"),
		seen("spawned_process and proc.name = script and proc.args contains DIR", "proc.exe=/usr/bin/busybox"),
	}},
	{"script for a script", func(dir string) error {
		return errors.Join(os.WriteFile(dir+"/outer", []byte("#!"+dir+"/script\n"), 0o755), run(nil, dir+"/outer", "x"))
	}, []expectation{seen("spawned_process and proc.script = DIR/outer", "proc.exepath=*/busybox", "proc.args=sh DIR/script DIR/outer")}},
	{"script given to its interpreter", func(dir string) error { return run(nil, "/usr/bin/busybox", "sh", dir+"/script") }, []expectation{
		gap("spawned_process and proc.script = DIR/script",
			"the kernel ran the interpreter; that its argument is a program is the interpreter's affair"),
		seen("spawned_process and proc.args contains DIR/script", "proc.exepath=*/busybox"),
		seen("open_read and fd.name = DIR/script", "proc.args=DIR/script"),
	}},
	{"ld.so", func(dir string) error {
		loader, err := interpreter("/bin/true")
		if err != nil {
			return skip("this machine has no dynamic loader: " + err.Error())
		}
		if err := copyFile("/bin/true", dir+"/dynamic"); err != nil {
			return err
		}
		return run(nil, loader, loader, dir+"/dynamic")
	}, []expectation{
		gap("spawned_process and proc.exepath = DIR/dynamic", "the kernel ran the loader, which maps the program itself"),
		seen("spawned_process and proc.args startswith DIR/dynamic", "proc.name=ld-linux*"),
		seen("open_read and fd.name = DIR/dynamic", "proc.name=ld-linux*"),
	}},
	{"multicall program", func(dir string) error {
		return errors.Join(os.Symlink("payload", dir+"/wget"), run(nil, dir+"/wget", "wget", "--help"))
	}, []expectation{
		seen("spawned_process and proc.name = wget and proc.args = --help", "proc.exepath=DIR/payload"),
		seen(payloadRun, "proc.name=wget"),
	}},
	{"multicall program by its first argument", func(dir string) error {
		return run(nil, dir+"/payload", "payload", "busybox", "wget",
			"--help")
	}, []expectation{
		gap("spawned_process and proc.name = wget and proc.exepath = DIR/payload",
			"the name of the process is the program's; which part of it runs stands in its arguments"),
		seen(payloadRun+" and proc.args contains wget", "proc.args=busybox wget --help"),
	}},
	{"standalone shell", func(dir string) error {
		// It runs its own parts: some in the shell's process, others by an exec of /proc/self/exe.
		return run(nil, dir+"/payload", "sh", "-c", "cat "+dir+"/secret; wget --help; true")
	}, standaloneShell},
	{"argv[0]", func(dir string) error { return run(nil, dir+"/payload", "[kworker/u8:2]") }, []expectation{
		seen(payloadRun, "proc.name=payload", "proc.exe=[kworker/u8:2]"),
	}},
	{"no argv", func(dir string) error {
		path, err := unix.BytePtrFromString(dir + "/payload")
		if err != nil {
			return err
		}
		_, _, errno := unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(path)), 0, 0)
		return errno
	}, []expectation{seen(payloadRun, "proc.name=payload", "proc.exe=", "proc.args=")}},
	{"padding of arguments", func(dir string) error {
		pad := strings.Repeat("x", 100<<10)
		return errors.Join(run(nil, dir+"/payload", "true", dir, pad, "--reverse-shell"),
			run(nil, dir+"/payload", "true", pad[:20<<10], "--within-reach"))
	}, []expectation{
		gap(payloadRun+" and proc.args contains --reverse-shell", "32 KiB of arguments are kept; that there were more is flagged"),
		seen(payloadRun+" and evt.truncated contains args", "proc.args=DIR xxx*"),
		seen(payloadRun+" and proc.args contains --within-reach", "evt.truncated="),
	}},
	{"thread that execs", func(dir string) error {
		failed := make(chan error)
		go func() {
			runtime.LockOSThread()
			failed <- unix.Exec(dir+"/payload", []string{"true", "x"}, nil)
		}()
		return <-failed
	}, []expectation{seen(payloadRun, "proc.name=payload")}},
	{"user namespace", func(dir string) error {
		err := run(&syscall.SysProcAttr{
			Credential:  &syscall.Credential{},
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 65534, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 65534, Size: 1}},
		}, dir+"/payload", "true")
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) {
			return skip("this machine lets root make no user namespace for uid 65534: " + err.Error())
		}
		return err
	}, []expectation{seen(payloadRun+" and user.uid = 65534", "proc.vpid=1")}},
}

var standaloneShell = []expectation{
	gap("spawned_process and proc.name = cat and proc.exepath = DIR/payload",
		"the shell runs it by an exec of /proc/self/exe, or in its own process"),
	seen(secretRead, "proc.exepath=DIR/payload"),
	gap("spawned_process and proc.name = wget and proc.exepath = DIR/payload", "the exec is of /proc/self/exe, and the process is named so"),
	seen("spawned_process and proc.name = exe and proc.exe = wget", "proc.exepath=DIR/payload"),
}

func execRestore(dir string) error { return copyFile("/usr/bin/busybox", dir+"/payload") }

// interpreter is the dynamic loader that a program asks for.
func interpreter(program string) (string, error) {
	f, err := elf.Open(program)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			path, err := io.ReadAll(p.Open())
			return strings.TrimRight(string(path), "\x00"), err
		}
	}
	return "", fmt.Errorf("%s is static", program)
}

func execveat(fd int, path string, flags int, argv ...string) error {
	p, err := unix.BytePtrFromString(path)
	args, err2 := syscall.SlicePtrFromStrings(argv)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	env := [1]*byte{}
	_, _, errno := unix.RawSyscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(&args[0])),
		uintptr(unsafe.Pointer(&env[0])), uintptr(flags), 0)
	return errno
}
