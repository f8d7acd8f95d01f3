package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// opened completes the facts of a call that opened a file.
func (f *callFacts) opened(file event.File) error {
	f.Want.File = file
	w := &f.Want.File
	w.Present, w.FD = true, f.Want.Ret
	if f.Want.Failed() {
		f.Want.Flags |= event.FlagUnverified
		return nil
	}
	var err error
	if w.ID, w.InodeMode, w.Nlink, err = fileOf(int(f.Want.Ret)); err != nil {
		return err
	}
	if w.Resolved, err = pathOf(int(f.Want.Ret)); err != nil {
		return err
	}
	w.FS, err = fsPathOf(int(f.Want.Ret), w.Resolved)
	return err
}

// pathOf is the path of an open file as the kernel names it to the process, without the mark of a deleted one.
func pathOf(fd int) (string, error) {
	var buf [8192]byte
	n, err := unix.Readlink(fmt.Sprintf("/proc/thread-self/fd/%d", fd), buf[:])
	if errors.Is(err, unix.ENAMETOOLONG) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(string(buf[:n]), " (deleted)"), nil
}

// openFacts makes a call that opens a file. The file is what cannot be asked of the descriptor: names and flags.
func openFacts(typ event.Type, dirfd int, file event.File, make func() (uintptr, error)) (*callFacts, error) {
	f, err := call(typ, make)
	if err != nil {
		return nil, err
	}
	f.Want.DirFD = int32(dirfd)
	return &f, f.opened(file)
}

// openat makes the call with flags O_RDONLY.
func openat(dirfd int, path string, file event.File) (*callFacts, error) {
	file.Raw = path
	return openFacts(event.TypeOpenat, dirfd, file, func() (uintptr, error) {
		fd, err := unix.Openat(dirfd, path, 0, 0)
		return uintptr(fd), err
	})
}

// addr is a system call's pointer argument.
func addr[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

func openatTrigger(args []string) (any, error) {
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_EXCL | unix.O_CLOEXEC
	unix.Umask(0o022)
	return openFacts(event.TypeOpenat, unix.AT_FDCWD, event.File{
		Raw: args[0], Given: args[0], OpenFlags: flags, Mode: 0o666, Created: true,
	}, func() (uintptr, error) {
		fd, err := unix.Openat(unix.AT_FDCWD, args[0], flags, 0o666)
		return uintptr(fd), err
	})
}

func TestOpenat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var facts callFacts
	c := trigger(t, &facts, "openat", path)
	ev := c.open(event.TypeOpenat, path)
	c.check(ev, facts)
	if facts.Want.File.InodeMode != unix.S_IFREG|0o644 {
		t.Errorf("the trigger made a file of mode %o", facts.Want.File.InodeMode)
	}
	if want := ev.Process.Parent.ExecID + 1; ev.ExecID != want {
		t.Errorf("exec id %d, want one more than the parent's: %d", ev.ExecID, want)
	}
}

// A file that was there, and was looked at before: its times are what they were, and it was not created.
func openat2Trigger(args []string) (any, error) {
	dir, err := unix.Open(filepath.Dir(args[0]), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	how := unix.OpenHow{
		Flags: unix.O_WRONLY | unix.O_CREAT | unix.O_CLOEXEC, Mode: 0o600, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	}
	name := filepath.Base(args[0])
	return openFacts(event.TypeOpenat2, dir, event.File{
		Raw: name, Given: args[0], OpenFlags: uint32(how.Flags), Mode: uint32(how.Mode), Resolve: how.Resolve,
	}, func() (uintptr, error) {
		fd, err := unix.Openat2(dir, name, &how)
		return uintptr(fd), err
	})
}

func TestOpenat2(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, []byte("x"), 0o640))
	must(t, os.Link(path, path+".link"))
	_, err := os.Stat(path)
	must(t, err)
	var facts callFacts
	c := trigger(t, &facts, "openat2", path)
	c.check(c.open(event.TypeOpenat2, "file"), facts)
	if facts.Want.File.Nlink != 2 {
		t.Errorf("the file has %d links", facts.Want.File.Nlink)
	}
}

// RESOLVE_BENEATH forbids the way out.
func openat2RefusedTrigger(args []string) (any, error) {
	dir, err := unix.Open(args[0], unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	how := unix.OpenHow{Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS}
	const name = "../other"
	return openFacts(event.TypeOpenat2, dir, event.File{
		Raw: name, Given: filepath.Join(args[0], name), Resolve: how.Resolve,
	}, func() (uintptr, error) {
		fd, err := unix.Openat2(dir, name, &how)
		return uintptr(fd), err
	})
}

func TestOpenat2Refused(t *testing.T) {
	var facts callFacts
	c := trigger(t, &facts, "openat2 refused", t.TempDir())
	c.check(c.open(event.TypeOpenat2, "../other"), facts)
	if facts.Want.Ret != -int64(unix.EXDEV) {
		t.Errorf("the call returned %d, want EXDEV", facts.Want.Ret)
	}
}

func openByHandleAtTrigger(args []string) (any, error) {
	handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, args[0], 0)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	mount, err := unix.Open(filepath.Dir(args[0]), unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	const flags = unix.O_RDWR | unix.O_APPEND
	return openFacts(event.TypeOpenByHandleAt, mount, event.File{Given: args[0], OpenFlags: flags},
		func() (uintptr, error) {
			fd, err := unix.OpenByHandleAt(mount, handle, flags)
			return uintptr(fd), err
		})
}

func TestOpenByHandleAt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, nil, 0o600))
	var facts *callFacts
	c := trigger(t, &facts, "open_by_handle_at", path)
	if facts == nil {
		t.Skip("the file system of the temporary folder has no file handles")
	}
	c.check(c.open(event.TypeOpenByHandleAt, ""), *facts)
}

// failedOpenTrigger: args are what fails, and the path.
func failedOpenTrigger(args []string) (any, error) {
	path := args[1]
	switch args[0] {
	case "denied":
		// Another user, without the capabilities that override permissions.
		if err := unix.Setresuid(65534, 65534, 65534); err != nil {
			return nil, err
		}
	case "pointer", "null pointer":
		at := map[string]uintptr{"pointer": 8}[args[0]]
		return openFacts(event.TypeOpenat, unix.AT_FDCWD, event.File{OpenFlags: unix.O_RDONLY}, func() (uintptr, error) {
			fd, _, errno := unix.RawSyscall6(unix.SYS_OPENAT, uintptr(0xffffff9c), at, 0, 0, 0, 0)
			return fd, errno
		})
	case "descriptor":
		// Nothing is known of the directory, so the text is the name.
		return openat(-7, path, event.File{Given: path})
	}
	return openat(unix.AT_FDCWD, path, event.File{Given: path})
}

func TestFailedOpen(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		errno      unix.Errno
		flags      event.Flags
	}{
		{"absent", "/nowhere/to/be/found", unix.ENOENT, 0},
		{"denied", "/etc/shadow", unix.EACCES, 0},
		{"pointer", "", unix.EFAULT, event.FlagRawTruncated},
		{"null pointer", "", unix.EFAULT, event.FlagRawTruncated},
		{"descriptor", "somewhere", unix.EBADF, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var facts callFacts
			c := trigger(t, &facts, "failed open", tt.name, tt.path)
			facts.Want.Flags |= tt.flags
			if facts.Want.Ret != -int64(tt.errno) {
				t.Fatalf("the call returned %d, want %v", facts.Want.Ret, tt.errno)
			}
			c.check(c.open(event.TypeOpenat, tt.path), facts)
		})
	}
}
