package evasion

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestOpen: ways to open a file under another name than the rule's, or by another call.
func TestOpen(t *testing.T) { try(t, slices.Concat(opens, rings)) }

// Why a rule on a name does not see another name of the same file, and what does.
const (
	otherName = "the file has two names, and neither of those that the event carries is the rule's; fd.ino is the same"
	rootName  = "names are those below the process's own root directory, as in a container; fd.ino is the same"
	noCall    = "the macro lists open, openat and openat2 alone, as Falco's does"
)

var byInode = "evt.type in (open, openat, openat2, open_by_handle_at) and fd.ino = INO and fd.name startswith "

var opens = []technique{
	{"plain name", func(dir string) error { return read(dir + "/secret") }, []expectation{
		seen(secretRead, "fd.name=DIR/secret", "fd.name.matched=given"),
	}},
	{"either name", func(dir string) error {
		return errors.Join(os.Symlink("secret", dir+"/link"), read(dir+"/link"))
	}, []expectation{
		seen(secretRead, "fd.name=DIR/secret", "fd.name.given=DIR/link", "fd.name.matched=resolved"),
		seen("open_read and fd.name = DIR/link", "fd.name=DIR/link", "fd.name.resolved=DIR/secret", "fd.name.matched=given"),
		// An exception for one name does not hide the other.
		seen("open_read and fd.name startswith DIR/ and fd.name != DIR/link", "fd.name=DIR/secret", "fd.name.matched=resolved"),
	}},
	{"chain of symlinks", func(dir string) error {
		if err := os.Symlink(dir, dir+"/here"); err != nil {
			return err
		}
		last := "here/secret"
		for i := range 10 {
			name := fmt.Sprintf("link%d", i)
			if err := os.Symlink(last, dir+"/"+name); err != nil {
				return err
			}
			last = "here/" + name
		}
		return read(dir + "/here/link9")
	}, []expectation{seen(secretRead, "fd.name.given=DIR/here/link9", "fd.name.matched=resolved")}},
	{"dot dot", func(dir string) error {
		return read(dir + "/../.." + dir[len("/tmp"):] + "/./../../.." + dir + "//secret")
	}, []expectation{
		seen(secretRead, "fd.name=DIR/secret", "fd.name.matched=given"),
	}},
	{"dot dot behind a symlink", func(dir string) error {
		// By its text alone the name is DIR/decoy, which does not even exist.
		err := errors.Join(os.MkdirAll(dir+"/a/b", 0o755), os.Symlink("a/b", dir+"/to"), os.Rename(dir+"/secret", dir+"/a/hidden"))
		return errors.Join(err, read(dir+"/to/../hidden"))
	}, []expectation{
		seen("open_read and fd.name = DIR/a/hidden", "fd.name.given=DIR/hidden", "fd.name.matched=resolved"),
	}},
	{"relative path", func(dir string) error { return errors.Join(os.Chdir(dir), read("secret")) }, []expectation{
		seen(secretRead, "fd.name=DIR/secret", "fd.name.matched=given"),
	}},
	{"directory descriptor", func(dir string) error {
		d, err := unix.Open(dir, unix.O_PATH, 0)
		if err != nil {
			return err
		}
		_, err = unix.Openat(d, "secret", unix.O_RDONLY, 0)
		return err
	}, []expectation{seen(secretRead, "fd.name=DIR/secret", "fd.name.matched=given")}},
	{"proc self root", func(dir string) error { return read("/proc/self/root" + dir + "/secret") }, []expectation{
		seen(secretRead, "fd.name.given=/proc/self/root*", "fd.name.matched=resolved"),
	}},
	{"proc self cwd", func(dir string) error { return errors.Join(os.Chdir(dir), read("/proc/self/cwd/secret")) }, []expectation{
		seen(secretRead, "fd.name.given=/proc/self/cwd/secret", "fd.name.matched=resolved"),
	}},
	{"proc self fd", func(dir string) error {
		d, err := unix.Open(dir, unix.O_PATH, 0)
		if err != nil {
			return err
		}
		return read(fmt.Sprintf("/proc/self/fd/%d/secret", d))
	}, []expectation{seen(secretRead, "fd.name.given=/proc/self/fd/*", "fd.name.matched=resolved")}},
	{"O_PATH and open again", func(dir string) error {
		fd, err := unix.Open(dir+"/secret", unix.O_PATH, 0)
		if err != nil {
			return err
		}
		return read(fmt.Sprintf("/dev/fd/%d", fd))
	}, []expectation{seen(secretRead, "fd.name.given=/dev/fd/*", "fd.name.matched=resolved")}},
	{"deleted file", func(dir string) error {
		fd, err := unix.Open(dir+"/secret", unix.O_PATH, 0)
		if err != nil {
			return err
		}
		return errors.Join(os.Remove(dir+"/secret"), read(fmt.Sprintf("/proc/self/fd/%d", fd)), os.WriteFile(dir+"/secret", nil, 0o644))
	}, []expectation{seen(secretRead, "fd.name.given=/proc/self/fd/*", "fd.name.matched=resolved")}},
	{"bind mount", func(dir string) error {
		if err := errors.Join(os.Mkdir(dir+"/bound", 0o755), os.WriteFile(dir+"/plain", nil, 0o644), privateMounts()); err != nil {
			return err
		}
		err := errors.Join(unix.Mount(dir+"/secret", dir+"/plain", "", unix.MS_BIND, ""), unix.Mount(dir, dir+"/bound", "", unix.MS_BIND, ""))
		return errors.Join(err, read(dir+"/plain"), read(dir+"/bound/secret"))
	}, []expectation{
		seen(secretRead, "fd.name=DIR/secret", "fd.name.given=DIR/plain", "fd.name.resolved=DIR/plain", "fd.name.matched=source"),
		seen(secretRead, "fd.name=DIR/secret", "fd.name.resolved=DIR/bound/secret", "fd.name.matched=source"),
		seen(byInode+"DIR/", "fd.name=DIR/plain"),
		seen(byInode+"DIR/", "fd.name=DIR/bound/secret"),
	}},
	{"bind mount of a bind mount", func(dir string) error {
		err := errors.Join(os.MkdirAll(dir+"/a/b", 0o755), os.Mkdir(dir+"/once", 0o755), os.Mkdir(dir+"/twice", 0o755),
			os.Rename(dir+"/secret", dir+"/a/b/hidden"), privateMounts())
		err = errors.Join(err, unix.Mount(dir+"/a", dir+"/once", "", unix.MS_BIND, ""),
			unix.Mount(dir+"/once/b", dir+"/twice", "", unix.MS_BIND, ""))
		return errors.Join(err, read(dir+"/twice/hidden"))
	}, []expectation{
		seen("open_read and fd.name = DIR/a/b/hidden", "fd.name.given=DIR/twice/hidden", "fd.name.matched=source"),
	}},
	{"bind mount of all of the host", func(dir string) error {
		err := errors.Join(os.Mkdir(dir+"/host", 0o755), privateMounts(), unix.Mount("/", dir+"/host", "", unix.MS_BIND, ""))
		return errors.Join(err, read(dir+"/host"+dir+"/secret"))
	}, []expectation{
		seen(secretRead, "fd.name=DIR/secret", "fd.name.given=DIR/hostDIR/secret", "fd.name.matched=source"),
	}},
	{"hard link", func(dir string) error {
		err := errors.Join(os.Link(dir+"/secret", dir+"/other"), os.Link(dir+"/script", dir+"/another"))
		return errors.Join(err, read(dir+"/other"), read(dir+"/another"))
	}, []expectation{
		seen(secretRead, "fd.name=DIR/secret", "fd.name.given=DIR/other", "fd.name.matched=watched"),
		gap("open_read and fd.name startswith DIR/scrip", "only the files that rules name in full are known by their inode"),
		seen(byInode+"DIR/", "fd.name=DIR/other"),
	}},
	{"hard link in a bind mount", func(dir string) error {
		err := errors.Join(os.Mkdir(dir+"/bound", 0o755), os.Mkdir(dir+"/links", 0o755), os.Link(dir+"/secret", dir+"/links/other"),
			privateMounts())
		return errors.Join(err, unix.Mount(dir+"/links", dir+"/bound", "", unix.MS_BIND, ""), read(dir+"/bound/other"))
	}, []expectation{
		seen(secretRead, "fd.name=DIR/secret", "fd.name.resolved=DIR/bound/other", "fd.name.source=DIR/links/other", "fd.name.matched=watched"),
	}},
	{"openat2", func(dir string) error {
		_, err := unix.Openat2(unix.AT_FDCWD, dir+"/secret", &unix.OpenHow{Flags: unix.O_RDONLY, Resolve: unix.RESOLVE_NO_SYMLINKS})
		return err
	}, []expectation{seen(secretRead, "evt.type=openat2", "fd.name.matched=given")}},
	{"open_by_handle_at", func(dir string) error {
		handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, dir+"/secret", 0)
		if errors.Is(err, unix.EOPNOTSUPP) {
			return skip("the file system of /tmp has no file handles")
		}
		mount, err2 := unix.Open("/tmp", unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err := errors.Join(err, err2); err != nil {
			return err
		}
		_, err = unix.OpenByHandleAt(mount, handle, unix.O_RDONLY)
		return err
	}, []expectation{
		gap(secretRead, noCall),
		seen("evt.type = open_by_handle_at and evt.is_open_read = true and fd.name = DIR/secret", "fd.name=DIR/secret"),
	}},
	{"O_TMPFILE", func(dir string) error {
		fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR, 0o600)
		if errors.Is(err, unix.EOPNOTSUPP) {
			return skip("the file system of /tmp has no O_TMPFILE")
		}
		if err != nil {
			return err
		}
		return unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, dir+"/later", unix.AT_SYMLINK_FOLLOW)
	}, []expectation{
		seen("open_write and fd.name startswith DIR/", "fd.name=DIR/#*", "fd.name.given=DIR", "fd.name.matched=resolved"),
		gap("open_write and fd.name = DIR/later", "it has no name while it is written; link and rename are not captured yet"),
	}},
	{"long name", func(dir string) error {
		return read(dir + strings.Repeat("/.", (unix.PathMax-20-len(dir))/2) + "/secret")
	}, []expectation{seen(secretRead, "fd.name=DIR/secret", "fd.name.matched=given", "evt.truncated=")}},
	{"name longer than a path", func(dir string) error {
		err := read(dir + strings.Repeat("/.", unix.PathMax/2) + "/secret")
		if !errors.Is(err, unix.ENAMETOOLONG) {
			return fmt.Errorf("the open of a name that is too long gave: %w", err)
		}
		return nil
	}, []expectation{
		seen("evt.type = openat and evt.truncated contains name and fd.name startswith DIR", "evt.res=ENAMETOOLONG"),
	}},
	{"deep folder", func(dir string) error {
		if err := os.Chdir(dir); err != nil {
			return err
		}
		name := strings.Repeat("n", 250)
		for range 17 {
			if err := errors.Join(os.Mkdir(name, 0o755), os.Chdir(name)); err != nil {
				return err
			}
		}
		return errors.Join(os.WriteFile("hidden", nil, 0o600), read("hidden"))
	}, []expectation{
		gap("open_read and fd.name startswith DIR/ and fd.name endswith /hidden",
			"the front of a path of more than 4,096 bytes is lost, and that is flagged"),
		seen("open_read and evt.truncated contains path and fd.name endswith /hidden", "fd.name=/nnn*"),
	}},
	{"chroot", func(dir string) error {
		return errors.Join(unix.Chroot(dir), os.Chdir("/"), read("/secret"))
	}, []expectation{
		seen(secretRead, "fd.name=DIR/secret", "fd.name.given=/secret", "fd.name.resolved=/secret", "fd.name.matched=source"),
		seen(byInode+"/", "fd.name=/secret"),
	}},
	{"chroot into a bind mount", func(dir string) error {
		err := errors.Join(os.MkdirAll(dir+"/real/jail", 0o755), os.Mkdir(dir+"/bound", 0o755), os.Rename(dir+"/secret", dir+"/real/jail/hidden"),
			privateMounts())
		err = errors.Join(err, unix.Mount(dir+"/real", dir+"/bound", "", unix.MS_BIND, ""))
		return errors.Join(err, unix.Chroot(dir+"/bound/jail"), os.Chdir("/"), read("/hidden"))
	}, []expectation{
		seen("open_read and fd.name = DIR/real/jail/hidden", "fd.name.given=/hidden", "fd.name.matched=source"),
	}},
	{"leave a chroot", func(dir string) error {
		d, err := unix.Open(dir, unix.O_PATH, 0)
		if err != nil {
			return err
		}
		if err := errors.Join(os.Mkdir(dir+"/jail", 0o755), unix.Chroot(dir+"/jail")); err != nil {
			return err
		}
		_, err = unix.Openat(d, "secret", unix.O_RDONLY, 0)
		return err
	}, []expectation{seen(secretRead, "fd.name=DIR/secret")}},
	{"pivot_root", func(dir string) error {
		if err := errors.Join(os.Mkdir(dir+"/old", 0o755), privateMounts()); err != nil {
			return err
		}
		err := errors.Join(unix.Mount(dir, dir, "", unix.MS_BIND, ""), unix.Chdir(dir))
		return errors.Join(err, unix.PivotRoot(".", "old"), os.Chdir("/"), read("/secret"), read("/old"+dir+"/script"))
	}, []expectation{
		seen(secretRead, "fd.name=DIR/secret", "fd.name.given=/secret", "fd.name.matched=source"),
		seen(byInode+"/", "fd.name=/secret"),
		seen("open_read and fd.name = DIR/script", "fd.name.given=/oldDIR/script", "fd.name.matched=source"),
	}},
	{"user and mount namespace", func(dir string) error {
		cmd := exec.Command("busybox", "cat", dir+"/secret")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Credential:  &syscall.Credential{Uid: 0, Gid: 0},
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 65534, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 65534, Size: 1}},
		}
		return cmd.Run()
	}, []expectation{
		// Root in its own namespace, and the user that it is for everybody else.
		seen(secretRead+" and user.uid = 65534", "fd.name=DIR/secret", "proc.vpid=1", "user.uid=65534"),
	}},
	{"name rewritten and open succeeds", rewriteAndOpen, []expectation{
		seen("evt.type in (open, openat) and fd.name = DIR/fifo", "fd.name.given=DIR/decoy", "fd.name.matched=resolved"),
	}},
	{"name rewritten and open fails", rewriteAndOpenFails, []expectation{
		seen("evt.type = openat and evt.failed = true and fd.name = DIR/fuse/wanted",
			"fd.name=DIR/fuse/wanted", "fd.name.exit=DIR/fuse/decoy!", "evt.name_changed=true", "evt.unverified=true"),
		seen("evt.type in (open, openat, openat2, creat) and evt.name_changed = true and fd.name.exit = DIR/fuse/decoy!",
			"fd.name=DIR/fuse/wanted"),
	}},
	{"exits at once", func(dir string) error { return openAndExit(dir + "/secret") }, []expectation{
		seen(secretRead, "fd.name=DIR/secret", "proc.name=exe", "proc.exepath=*"),
	}},
}

func privateMounts() error {
	return errors.Join(unix.Unshare(unix.CLONE_NEWNS), unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
}
