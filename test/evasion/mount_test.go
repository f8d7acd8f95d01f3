package evasion

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestMounts: ways to mount, or to enter other namespaces and roots, past rules about the calls for it.
func TestMounts(t *testing.T) { try(t, mounts) }

const (
	mounted      = "evt.type = mount and evt.failed = false and evt.arg.dir = DIR/at"
	mountedAny   = "evt.type = mount and evt.failed = false"
	utsEntered   = "evt.type = setns and evt.failed = false and evt.arg.nstype contains CLONE_NEWUTS"
	mountsMade   = "evt.type = unshare and evt.failed = false and evt.arg.flags contains CLONE_NEWNS"
	rootChanged  = "evt.type = chroot and evt.failed = false and evt.arg.path = DIR/jail"
	attached     = "evt.type = move_mount and evt.failed = false"
	anotherMount = "mount is not called; the newer calls have names of their own, and no parameters, as in Falco"
)

var mounts = []technique{
	{"bind mount over a file", func(dir string) error {
		err := errors.Join(os.WriteFile(dir+"/decoy", nil, 0o600), privateMounts())
		return errors.Join(err, unix.Mount(dir+"/decoy", dir+"/secret", "", unix.MS_BIND, ""), read(dir+"/secret"))
	}, []expectation{
		seen(secretRead, "fd.name.given=DIR/secret", "fd.name.source=DIR/decoy"),
		seen("open_read and fd.name = DIR/decoy", "fd.name.matched=source"),
		seen("evt.type = mount and evt.arg.flags contains BIND and fs.path.target = DIR/secret", "fs.path.source=DIR/decoy"),
	}},
	{"mount at a relative path", func(dir string) error {
		return errors.Join(os.Mkdir(dir+"/at", 0o755), privateMounts(), os.Chdir(dir), unix.Mount("none", "at", "tmpfs", 0, ""))
	}, []expectation{
		seen(mounted, "fs.path.target=DIR/at"),
	}},
	{"mount at a symlink", func(dir string) error {
		err := errors.Join(os.Mkdir(dir+"/at", 0o755), os.Symlink("at", dir+"/link"), privateMounts())
		return errors.Join(err, unix.Mount("none", dir+"/link", "tmpfs", 0, ""))
	}, []expectation{
		gap(mounted, givenOnly),
		seen(mountedAny+" and evt.arg.type = tmpfs and fs.path.target startswith DIR", "fs.path.target=DIR/link"),
	}},
	{"mount moved", func(dir string) error {
		err := errors.Join(os.Mkdir(dir+"/first", 0o755), os.Mkdir(dir+"/at", 0o755), privateMounts())
		return errors.Join(err, unix.Mount("none", dir+"/first", "tmpfs", 0, ""), unix.Mount(dir+"/first", dir+"/at", "", unix.MS_MOVE, ""))
	}, []expectation{seen(mounted, "evt.arg.flags=MOVE")}},
	{"fsopen and move_mount", func(dir string) error {
		if err := errors.Join(os.Mkdir(dir+"/at", 0o755), privateMounts()); err != nil {
			return err
		}
		fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
		if err != nil {
			return err
		}
		if err := unix.FsconfigSetString(fs, "size", "4k"); err != nil {
			return err
		}
		if err := unix.FsconfigCreate(fs); err != nil {
			return err
		}
		m, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
		if err != nil {
			return err
		}
		return unix.MoveMount(m, "", unix.AT_FDCWD, dir+"/at", unix.MOVE_MOUNT_F_EMPTY_PATH)
	}, []expectation{
		gap(mounted, anotherMount),
		seen(attached, "evt.type=move_mount"),
		seen("evt.type = fsopen and evt.failed = false"),
		seen("evt.type = fsconfig and evt.arg.key = size"),
		seen("evt.type = fsmount and evt.failed = false"),
	}},
	{"open_tree and move_mount", func(dir string) error {
		if err := errors.Join(os.Mkdir(dir+"/at", 0o755), privateMounts()); err != nil {
			return err
		}
		m, err := unix.OpenTree(unix.AT_FDCWD, "/etc", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			return err
		}
		err = unix.MoveMount(m, "", unix.AT_FDCWD, dir+"/at", unix.MOVE_MOUNT_F_EMPTY_PATH)
		return errors.Join(err, read(dir+"/at/passwd"))
	}, []expectation{
		gap("evt.type = mount and fs.path.source = /etc", anotherMount),
		seen(attached),
		seen("evt.type = open_tree and evt.failed = false"),
		seen("open_read and fd.name = /etc/passwd and proc.args = DIR", "fd.name.given=DIR/at/passwd", "fd.name.matched=source"),
	}},
	{"open below a mount that is not attached", func(string) error {
		m, err := unix.OpenTree(unix.AT_FDCWD, "/etc", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			return err
		}
		_, err = unix.Openat(m, "passwd", unix.O_RDONLY, 0)
		return err
	}, []expectation{seen("open_read and fd.name = /etc/passwd and proc.args = DIR", "evt.type=openat")}},
	{"mount detached", func(dir string) error {
		err := errors.Join(os.Mkdir(dir+"/at", 0o755), privateMounts(), unix.Mount("none", dir+"/at", "tmpfs", 0, ""))
		return errors.Join(err, unix.Unmount(dir+"/at", unix.MNT_DETACH))
	}, []expectation{seen("evt.type in (umount, umount2) and evt.arg.name = DIR/at", "evt.arg.flags=DETACH")}},

	{"setns", func(string) error { return enter("/proc/self/ns/uts", unix.CLONE_NEWUTS) }, []expectation{seen(utsEntered)}},
	{"setns without a kind", func(string) error { return enter("/proc/self/ns/uts", 0) }, []expectation{
		gap(utsEntered, "the kind is what the caller asked for; 0 stands for any"),
		seen("evt.type = setns and evt.failed = false"),
	}},
	{"setns by a pidfd", func(string) error {
		fd, err := unix.PidfdOpen(os.Getpid(), 0)
		if err != nil {
			return err
		}
		return unix.Setns(fd, unix.CLONE_NEWUTS|unix.CLONE_NEWIPC)
	}, []expectation{seen(utsEntered, "evt.arg.nstype=CLONE_NEWIPC|CLONE_NEWUTS")}},
	{"unshare", func(string) error { return unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_NEWUTS) }, []expectation{
		seen(mountsMade, "evt.arg.flags=CLONE_NEWNS|CLONE_NEWUTS"),
	}},
	{"new namespaces by clone", func(dir string) error {
		return run(&syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}, dir+"/payload", "true")
	}, []expectation{
		gap(mountsMade, "unshare is not called"),
		seen("evt.type in (clone, clone3) and evt.arg.flags contains CLONE_NEWNS", "evt.type=clone*"),
	}},
	{"new namespaces by clone3", func(string) error { return cloneNamespace() }, []expectation{
		seen("evt.type in (clone, clone3) and evt.arg.flags contains CLONE_NEWNS", "evt.type=clone3"),
	}},
	{"chroot to the working directory", func(dir string) error {
		return errors.Join(os.Mkdir(dir+"/jail", 0o755), os.Chdir(dir+"/jail"), unix.Chroot("."))
	}, []expectation{
		gap(rootChanged, "when the call returns, the working directory is called / in the new root"),
		seen("evt.type = chroot and evt.failed = false"),
	}},
	{"chroot by proc", func(dir string) error {
		if err := os.Mkdir(dir+"/jail", 0o755); err != nil {
			return err
		}
		fd, err := unix.Open(dir+"/jail", unix.O_PATH, 0)
		if err != nil {
			return err
		}
		return unix.Chroot(fmt.Sprintf("/proc/self/fd/%d", fd))
	}, []expectation{
		gap(rootChanged, "evt.arg.path is what the caller gave, made absolute by its text, as in Falco"),
		seen("evt.type = chroot and evt.arg.path startswith /proc/"),
	}},
	{"pivot_root onto itself", func(dir string) error {
		err := errors.Join(privateMounts(), unix.Mount(dir, dir, "", unix.MS_BIND, ""), os.Chdir(dir))
		return errors.Join(err, unix.PivotRoot(".", "."), unix.Unmount(".", unix.MNT_DETACH), read("/secret"))
	}, []expectation{
		seen("evt.type = pivot_root and evt.failed = false"),
		seen(secretRead, "fd.name.given=/secret", "fd.name.matched=source"),
	}},
}

// enter enters a namespace that the process is in.
func enter(path string, kind int) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Setns(fd, kind)
}

// cloneNamespace makes a child in a mount namespace of its own by clone3; the child ends at once.
//
//go:norace
func cloneNamespace() error {
	args := struct {
		flags                                                    uint64
		pidfd, childTid, parentTid, exitSignal, stack, size, tls uint64
	}{flags: unix.CLONE_NEWNS, exitSignal: uint64(unix.SIGCHLD)}
	pid, _, errno := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	if errno == 0 && pid == 0 {
		for {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	if errno != 0 {
		return errno
	}
	var status unix.WaitStatus
	_, err := unix.Wait4(int(pid), &status, 0, nil)
	return err
}
