package enrich

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/enrich/cgroup"
)

// maxFileBytes bounds an account file.
const maxFileBytes = 1 << 20

var (
	errNotRegular = errors.New("not a regular file")
	errTooLarge   = errors.New("larger than 1 MiB")
	errTooDeep    = errors.New("too many symbolic links")
)

// layers are the directories that make up a container's root, the uppermost first. One directory is a plain root.
// Everything in them belongs to the container, which may be hostile.
type layers []string

// fileState tells whether a file has changed. Zero: there is no such file.
type fileState struct {
	dev, ino, size uint64
	mtime          unix.Timespec
}

// read returns a file's content and state. A file that does not exist is empty, without an error; if its state is
// still the old one, content is nil and changed false.
//
// It does not open a file of a single directory that has not changed: account files are checked every few seconds, and another
// sensor would report each open.
func (l layers) read(name string, old fileState) (content []byte, state fileState, changed bool, err error) {
	if len(l) == 1 && hasState(path.Join(l[0], name), old) {
		return nil, old, false, nil
	}
	fd, err := l.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fileState{}, old != fileState{}, nil
	}
	if err != nil {
		return nil, fileState{}, false, fmt.Errorf("open %s: %w", name, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fileState{}, false, fmt.Errorf("examine %s: %w", name, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fileState{}, false, fmt.Errorf("read %s: %w", name, errNotRegular)
	}
	if st.Size > maxFileBytes {
		return nil, fileState{}, false, fmt.Errorf("read %s: %w", name, errTooLarge)
	}
	state = stateOf(&st)
	if state == old {
		return nil, old, false, nil
	}
	// The descriptor only names the file (O_PATH), so that a device or FIFO was never opened for reading.
	f, err := os.OpenFile("/proc/self/fd/"+strconv.Itoa(fd), os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fileState{}, false, fmt.Errorf("open %s: %w", name, err)
	}
	defer f.Close()
	content, err = io.ReadAll(io.LimitReader(f, maxFileBytes))
	if err != nil {
		return nil, fileState{}, false, fmt.Errorf("read %s: %w", name, err)
	}
	return content, state, true, nil
}

func stateOf(st *unix.Stat_t) fileState {
	return fileState{dev: st.Dev, ino: st.Ino, size: uint64(st.Size), mtime: st.Mtim}
}

// hasState tells whether a path still is the file of a state, which names its inode. A symbolic link is not followed at the end
// of the path; one on the way may lead anywhere, but then to the same file.
func hasState(path string, state fileState) bool {
	var st unix.Stat_t
	return state != fileState{} && unix.Lstat(path, &st) == nil && stateOf(&st) == state
}

// maxHops is the kernel's own bound on symbolic links in one path (MAXSYMLINKS).
const maxHops = 40

// open finds a file in the layers as the overlay file system would: the uppermost layer that has the name wins, a
// whiteout hides what is below it, and a symbolic link is followed through all layers, never out of them. The
// descriptor is an O_PATH one.
func (l layers) open(name string) (int, error) {
	for range maxHops {
		fd, target, err := l.lookup(name)
		if err != nil || target == "" {
			return fd, err
		}
		if !path.IsAbs(target) {
			target = path.Join(path.Dir("/"+name), target)
		}
		name = strings.TrimPrefix(path.Clean(target), "/")
	}
	return -1, errTooDeep
}

// lookup opens the file of one name, or returns the target if it is a symbolic link.
func (l layers) lookup(name string) (fd int, target string, err error) {
	for _, dir := range l {
		fd, err = openInRoot(dir, name)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
			if hidden(dir, path.Dir(name)) {
				break
			}
			continue
		}
		if err != nil {
			return -1, "", err
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			unix.Close(fd)
			return -1, "", err
		}
		switch {
		case isWhiteout(&st):
			unix.Close(fd)
			return -1, "", fs.ErrNotExist
		case st.Mode&unix.S_IFMT == unix.S_IFLNK:
			buf := make([]byte, unix.PathMax)
			n, err := unix.Readlinkat(fd, "", buf)
			unix.Close(fd)
			return -1, string(buf[:max(n, 0)]), err
		}
		return fd, "", nil
	}
	return -1, "", fs.ErrNotExist
}

// openInRoot opens a name below a directory without ever leaving it, not even by symbolic links.
func openInRoot(dir, name string) (int, error) {
	root, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(root)
	return unix.Openat2(root, name, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
}

// hidden tells whether a layer's directory hides that of the layers below: a whiteout in its place, or opaque.
func hidden(dir, name string) bool {
	fd, err := openInRoot(dir, name)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil && isWhiteout(&st) {
		return true
	}
	var value [1]byte
	for _, attr := range []string{"trusted.overlay.opaque", "user.overlay.opaque"} {
		n, err := unix.Getxattr("/proc/self/fd/"+strconv.Itoa(fd), attr, value[:])
		if err == nil && n == 1 && value[0] == 'y' {
			return true
		}
	}
	return false
}

// isWhiteout: a character device 0/0 stands for a deleted file (overlayfs.rst).
func isWhiteout(st *unix.Stat_t) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0
}

// procRoot is the root directory of a live process, if that lies in the given cgroup path and does not still have the
// host's root, as a runtime's first process has for a while. The caller closes it.
func procRoot(at host, pid int32, h cgroup.Hierarchy, cgroupPath string) (*os.File, error) {
	dir, err := os.Open(path.Join(at.proc, strconv.Itoa(int(pid))))
	if err != nil {
		return nil, fmt.Errorf("open process %d: %w", pid, err)
	}
	defer dir.Close()
	// All names below go through dir, so they mean one process even if the pid is used again.
	own := "/proc/self/fd/" + strconv.Itoa(int(dir.Fd()))
	root, err := os.OpenFile(own+"/root", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, fmt.Errorf("open the root of process %d: %w", pid, err)
	}
	if err := checkRoot(root, own, at, h, cgroupPath); err != nil {
		root.Close()
		return nil, fmt.Errorf("read the root of process %d: %w", pid, err)
	}
	return root, nil
}

var (
	errHostRoot  = errors.New("its root is still the host's")
	errElsewhere = errors.New("it is in another cgroup")
)

func checkRoot(root *os.File, process string, at host, h cgroup.Hierarchy, cgroupPath string) error {
	text, err := os.ReadFile(process + "/cgroup")
	if err != nil {
		return err
	}
	if p, ok := h.PathOf(string(text)); !ok || !cgroup.EndsWith(cgroupPath, p) && !cgroup.EndsWith(p, cgroupPath) {
		return errElsewhere
	}
	var theirs, hosts unix.Stat_t
	if err := unix.Fstat(int(root.Fd()), &theirs); err != nil {
		return err
	}
	// The first process may be closed to us; the host's root may not be mounted: one of the two will do.
	for _, name := range []string{at.root, path.Join(at.proc, "1/root")} {
		if unix.Stat(name, &hosts) == nil && theirs.Dev == hosts.Dev && theirs.Ino == hosts.Ino {
			return errHostRoot
		}
	}
	return nil
}
