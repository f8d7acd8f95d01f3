package evasion

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/testutil"
)

// TestNames: ways to replace, remove or rename a file past rules about the calls that change names.
func TestNames(t *testing.T) { try(t, names) }

// Conditions that the techniques try to get past.
const (
	secretRenamed  = "rename and fs.path.source = DIR/secret"
	secretReplaced = "rename and fs.path.target = DIR/secret"
	secretLinked   = "create_hardlink and fs.path.target = DIR/secret"
	secretRemoved  = "remove and evt.failed = false and fs.path.name = DIR/secret"
	secretWritten  = "open_write and fd.name = DIR/secret"
)

const givenOnly = "fs.path.* is the path as the caller gave it, made absolute by its text, as in Falco"

var names = []technique{
	{"rename onto a file", func(dir string) error {
		return errors.Join(os.WriteFile(dir+"/new", nil, 0o600), os.Mkdir(dir+"/sub", 0o755), os.Chdir(dir),
			unix.Rename("new", "./sub/../secret"))
	}, []expectation{seen(secretReplaced, "evt.type=rename*", "fs.path.source=DIR/new"), gap(secretWritten, "it is not opened")}},
	{"renameat by descriptors", func(dir string) error {
		d, err := unix.Open(dir, unix.O_PATH, 0)
		if err := errors.Join(err, os.WriteFile(dir+"/new", nil, 0o600)); err != nil {
			return err
		}
		return unix.Renameat2(d, "new", d, "secret", 0)
	}, []expectation{seen(secretReplaced, "evt.type=renameat2", "fs.path.source=DIR/new")}},
	{"rename in a linked folder", func(dir string) error {
		return errors.Join(os.WriteFile(dir+"/new", nil, 0o600), os.Symlink(dir, dir+"/to"), unix.Rename(dir+"/new", dir+"/to/secret"))
	}, []expectation{gap(secretReplaced, givenOnly), seen("rename and fs.path.target = DIR/to/secret", "fs.path.source=DIR/new")}},
	{"exchange of two names", func(dir string) error {
		return errors.Join(os.WriteFile(dir+"/new", nil, 0o600),
			unix.Renameat2(unix.AT_FDCWD, dir+"/secret", unix.AT_FDCWD, dir+"/new", unix.RENAME_EXCHANGE))
	}, []expectation{
		seen(secretRenamed, "fs.path.target=DIR/new", "evt.arg.flags=RENAME_EXCHANGE"),
		gap(secretReplaced, "of an exchange both names are new ones; the first is the source"),
		seen("rename and (fs.path.source = DIR/secret or fs.path.target = DIR/secret)", "evt.type=renameat2"),
	}},
	{"rename of the folder", func(dir string) error {
		err := errors.Join(os.Mkdir(dir+"/etc", 0o755), os.WriteFile(dir+"/etc/conf", nil, 0o600), os.Mkdir(dir+"/etc2", 0o755),
			os.WriteFile(dir+"/etc2/conf", nil, 0o600))
		return errors.Join(err, unix.Rename(dir+"/etc", dir+"/old"), unix.Rename(dir+"/etc2", dir+"/etc"))
	}, []expectation{
		gap("rename and fs.path.target = DIR/etc/conf", "the folder is renamed, not the file"),
		seen("rename and fs.path.target = DIR/etc", "fs.path.source=DIR/etc2"),
	}},
	{"hard link, then write", func(dir string) error {
		return errors.Join(os.Link(dir+"/secret", dir+"/other"), write(dir+"/other"))
	}, []expectation{
		seen(secretLinked, "fs.path.source=DIR/other"),
		seen(secretWritten, "fd.name=DIR/secret", "fd.name.given=DIR/other", "fd.name.matched=watched"),
	}},
	{"hard link by a descriptor", func(dir string) error {
		fd, err := unix.Open(dir+"/secret", unix.O_PATH, 0)
		if err != nil {
			return err
		}
		return errors.Join(unix.Linkat(fd, "", unix.AT_FDCWD, dir+"/other", unix.AT_EMPTY_PATH), write(dir+"/other"))
	}, []expectation{
		seen(secretWritten, "fd.name.given=DIR/other", "fd.name.matched=watched"),
		seen("create_hardlink and fs.path.source = DIR/other", "evt.type=linkat"),
	}},
	{"symlink swapped", func(dir string) error {
		err := errors.Join(os.Symlink("script", dir+"/link"), os.Symlink("secret", dir+"/next"), unix.Rename(dir+"/next", dir+"/link"))
		return errors.Join(err, write(dir+"/link"))
	}, []expectation{
		seen(secretWritten, "fd.name=DIR/secret", "fd.name.given=DIR/link", "fd.name.matched=resolved"),
		seen("create_symlink and evt.arg.target = secret", "fs.path.source=DIR/next"),
	}},
	{"O_TMPFILE linked onto a name", func(dir string) error {
		fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR, 0o600)
		if errors.Is(err, unix.EOPNOTSUPP) {
			return skip("the file system of /tmp has no O_TMPFILE")
		}
		if err != nil {
			return err
		}
		return unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, dir+"/planted", unix.AT_SYMLINK_FOLLOW)
	}, []expectation{
		gap("open_write and fd.name = DIR/planted", "it has no name while it is written"),
		seen("create_hardlink and fs.path.source = DIR/planted", "evt.type=linkat", "fs.path.target=/proc/self/fd/*"),
	}},
	{"unlink by a descriptor", func(dir string) error {
		d, err := unix.Open(dir, unix.O_PATH, 0)
		if err != nil {
			return err
		}
		return errors.Join(unix.Unlinkat(d, "secret", 0), restore(dir))
	}, []expectation{seen(secretRemoved, "evt.type=unlinkat")}},
	{"unlink in a linked folder", func(dir string) error {
		return errors.Join(os.Symlink(dir, dir+"/to"), unix.Unlink(dir+"/to/secret"), restore(dir))
	}, []expectation{gap(secretRemoved, givenOnly), seen("remove and fs.path.name = DIR/to/secret", "evt.type=unlink*")}},
	{"unlink after going to a linked folder", func(dir string) error {
		return errors.Join(os.Symlink(dir, dir+"/to"), os.Chdir(dir+"/to"), unix.Unlink("secret"), restore(dir))
	}, []expectation{seen(secretRemoved, "evt.type=unlink*")}},
	{"unlink by a descriptor of a linked folder", func(dir string) error {
		d, err := unix.Open(dir+"/../"+filepath.Base(dir)+"/.", unix.O_PATH, 0)
		if err := errors.Join(err, os.Symlink(dir, dir+"/to")); err != nil {
			return err
		}
		linked, err := unix.Openat(d, "to", unix.O_PATH|unix.O_DIRECTORY, 0)
		return errors.Join(err, unix.Unlinkat(linked, "secret", 0), restore(dir))
	}, []expectation{seen(secretRemoved, "evt.type=unlinkat")}},
	{"mode and link in a linked folder", func(dir string) error {
		return errors.Join(os.Symlink(dir, dir+"/to"), unix.Chmod(dir+"/to/secret", 0o644), unix.Link(dir+"/to/secret", dir+"/to/other"),
			unix.Mkdir(dir+"/to/made", 0o755))
	}, []expectation{
		gap("chmod and evt.arg.filename = DIR/secret", givenOnly), seen("chmod and evt.arg.filename = DIR/to/secret", "evt.res=SUCCESS"),
		gap("create_hardlink and fs.path.target = DIR/secret", givenOnly),
		seen("create_hardlink and fs.path.target = DIR/to/secret", "fs.path.source=DIR/to/other"),
		gap("mkdir and fs.path.name = DIR/made", givenOnly), seen("mkdir and fs.path.name = DIR/to/made", "evt.res=SUCCESS"),
	}},
	{"emptied while it is read", func(dir string) error {
		fd, err := unix.Open(dir+"/secret", unix.O_RDONLY|unix.O_TRUNC, 0)
		if err != nil {
			return err
		}
		return unix.Close(fd)
	}, []expectation{
		gap(secretWritten, "it is opened for reading, as in Falco; O_TRUNC empties it all the same"),
		seen("evt.type in (open, openat, openat2) and evt.arg.flags contains O_TRUNC and fd.name = DIR/secret", "evt.res=SUCCESS"),
	}},
	{"emptied by truncate", func(dir string) error { return unix.Truncate(dir+"/secret", 0) }, []expectation{
		gap(secretWritten, "it is not opened"),
		gap("evt.type = truncate and fs.path.name = DIR/secret", "truncate has no parameters, as in Falco"),
		seen("evt.type = truncate", "evt.type=truncate"),
	}},
	{"names changed by io_uring", func(dir string) error {
		return ringNames(dir)
	}, []expectation{
		seen("evt.type in (rename, renameat, renameat2) and evt.arg.newpath = DIR/secret", "evt.is_io_uring=true"),
		seen("evt.type in (link, linkat) and evt.arg.newpath = DIR/other", "evt.is_io_uring=true"),
		seen("evt.type in (symlink, symlinkat) and evt.arg.linkpath = DIR/link", "evt.is_io_uring=true"),
		seen("evt.type in (unlink, unlinkat) and evt.arg.name = DIR/other", "evt.is_io_uring=true"),
	}},
}

// restore makes the file again that a technique has removed: its inode is among the expectations' texts.
func restore(dir string) error { return os.WriteFile(dir+"/secret", nil, 0o644) }

// write opens a file for writing, as any program would.
func write(path string) error {
	fd, err := unix.Openat(unix.AT_FDCWD, path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	return unix.Close(fd)
}

// Operations of io_uring (linux/io_uring.h).
const (
	opConnect   = 16
	opRenameat  = 35
	opUnlinkat  = 36
	opSymlinkat = 38
	opLinkat    = 39
)

// ringNames renames, links and unlinks by a ring.
func ringNames(dir string) error {
	r, err := testutil.NewUring(4, nil)
	if err := errors.Join(err, os.WriteFile(dir+"/new", nil, 0o600)); err != nil {
		return err
	}
	const cwd = unix.AT_FDCWD
	second := func(name string) []byte { return []byte(dir + "/" + name + "\x00") }
	for _, e := range []testutil.SQE{
		testutil.Operation(opRenameat, cwd, dir+"/new", second("secret"), 0, uint32(cwd&0xffffffff), 0),
		testutil.Operation(opLinkat, cwd, dir+"/secret", second("other"), 0, uint32(cwd&0xffffffff), 0),
		testutil.Operation(opSymlinkat, cwd, "secret", second("link"), 0, 0, 0),
		testutil.Operation(opUnlinkat, cwd, dir+"/other", nil, 0, 0, 0),
	} {
		res, err := r.One(e)
		if err != nil {
			return err
		}
		if res == -int32(unix.EINVAL) {
			return skip("io_uring changes no names here (since Linux 5.15)")
		}
		if res < 0 {
			return fmt.Errorf("change a name by io_uring: %w", unix.Errno(-res))
		}
	}
	return nil
}
