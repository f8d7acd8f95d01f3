package cgroup

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Hierarchy is the cgroup hierarchy that the sensor follows: a process lies in one cgroup of each, and one is enough
// to know its container.
type Hierarchy struct {
	// Mount is where it is mounted.
	Mount string
	// V2: the unified hierarchy. Otherwise Controller names the version 1 controller.
	V2         bool
	Controller string
}

// controllers of version 1, in the order of preference. Runtimes put a container into all of them; the first are
// the ones that every runtime uses.
var controllers = []string{"memory", "pids", "cpu", "cpuset", "devices", "freezer", "blkio", "cpuacct", "net_cls", "perf_event"}

// FindHierarchy decides which hierarchy to follow: the unified one if no version 1 controller is mounted, else the
// first of memory, pids, cpu, … that is: on a hybrid machine runtimes use those, and the unified one is empty.
//
// hostRoot is where the host's root is mounted, "/" or empty if it is the own one. A sensor in a container sees only its own cgroup
// below /sys/fs/cgroup; so a mount below hostRoot is preferred, and there one below sys/fs/cgroup: where a runtime's folder is mounted too,
// the roots of containers lie below that, each with the mounts of its own cgroup, the sensor's among them.
func FindHierarchy(hostRoot string) (Hierarchy, error) {
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return Hierarchy{}, fmt.Errorf("find the cgroup hierarchy: %w", err)
	}
	defer mounts.Close()
	return chooseHierarchy(mounts, hostRoot)
}

var errNoHierarchy = errors.New("no cgroup file system is mounted; mount /sys/fs/cgroup, in a container the host's")

func chooseHierarchy(mountinfo io.Reader, hostRoot string) (Hierarchy, error) {
	type candidate struct {
		Hierarchy
		rank int
	}
	var found []candidate
	lines := bufio.NewScanner(mountinfo)
	for lines.Scan() {
		mount, kind, options, ok := parseMount(lines.Text())
		if !ok {
			continue
		}
		c := candidate{Hierarchy: Hierarchy{Mount: mount}}
		switch kind {
		case "cgroup2":
			c.V2, c.rank = true, len(controllers)
		case "cgroup":
			c.rank = slices.IndexFunc(controllers, func(name string) bool {
				return slices.Contains(strings.Split(options, ","), name)
			})
			if c.rank < 0 {
				continue
			}
			c.Controller = controllers[c.rank]
		default:
			continue
		}
		// Any mount of a better place comes before every one of another.
		c.rank += distance(mount, hostRoot) * (len(controllers) + 1)
		found = append(found, c)
	}
	if err := lines.Err(); err != nil {
		return Hierarchy{}, fmt.Errorf("read the mount table: %w", err)
	}
	if len(found) == 0 {
		return Hierarchy{}, errNoHierarchy
	}
	best := slices.MinFunc(found, func(a, b candidate) int { return a.rank - b.rank })
	return best.Hierarchy, nil
}

// distance tells how far a mount is from being the host's cgroups: 0 for the usual place, 1 for another below the host's root.
func distance(mount, hostRoot string) int {
	host := strings.TrimSuffix(hostRoot, "/")
	switch usual := host + "/sys/fs/cgroup"; {
	case mount == usual || strings.HasPrefix(mount, usual+"/"):
		return 0
	case strings.HasPrefix(mount, host+"/"):
		return 1
	}
	return 2
}

// parseMount reads a line of mountinfo (proc_pid_mountinfo(5)): 36 35 98:0 /root /mount options … - type source options.
func parseMount(line string) (mount, kind, options string, ok bool) {
	left, right, found := strings.Cut(line, " - ")
	before, after := strings.Fields(left), strings.Fields(right)
	if !found || len(before) < 6 || len(after) < 3 {
		return "", "", "", false
	}
	return unescapeOctal(before[4]), after[0], after[2], true
}

// unescapeOctal undoes \040 and the like.
func unescapeOctal(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Scan gives every cgroup of the hierarchy to add: its id, which is the directory's inode number, and its path. It
// stops when add returns false. Cgroups that go away meanwhile are passed over.
func (h Hierarchy) Scan(add func(id uint64, path string) bool) error {
	err := filepath.WalkDir(h.Mount, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			if path == h.Mount {
				return err
			}
			return nil
		}
		var st unix.Stat_t
		if unix.Lstat(path, &st) != nil {
			return nil
		}
		if !add(st.Ino, rootedPath(path[len(h.Mount):])) {
			return fs.SkipAll
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("scan the cgroups: %w", err)
	}
	return nil
}

func rootedPath(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

// fileIDKernfs is the type of a handle of a cgroup directory: its 8-byte id (FILEID_KERNFS, linux/exportfs.h).
const fileIDKernfs = 0xfe

// Resolver finds the path of a cgroup by its id.
type Resolver struct {
	mount string
	fd    int
}

// OpenResolver needs CAP_DAC_READ_SEARCH when it is used, and Linux 5.5 for ids that are inode numbers.
func (h Hierarchy) OpenResolver() (*Resolver, error) {
	fd, err := unix.Open(h.Mount, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the cgroup hierarchy %s: %w", h.Mount, err)
	}
	return &Resolver{mount: h.Mount, fd: fd}, nil
}

// path never blocks: kernfs answers from memory. It fails for a cgroup that has been removed.
func (r *Resolver) Path(id uint64) (string, error) {
	handle := binary.NativeEndian.AppendUint64(nil, id)
	fd, err := unix.OpenByHandleAt(r.fd, unix.NewFileHandle(fileIDKernfs, handle), unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return "", fmt.Errorf("open cgroup %d: %w", id, err)
	}
	defer unix.Close(fd)
	target, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return "", fmt.Errorf("read the path of cgroup %d: %w", id, err)
	}
	path, ok := strings.CutPrefix(target, r.mount)
	if !ok || (path != "" && path[0] != '/') {
		return "", fmt.Errorf("read the path of cgroup %d: %s is outside %s", id, target, r.mount)
	}
	return rootedPath(path), nil
}

func (r *Resolver) Close() error { return unix.Close(r.fd) }

// PathOf reads the cgroup path of a process in this hierarchy from a cgroup file of /proc (cgroups(7)).
func (h Hierarchy) PathOf(cgroupFile string) (string, bool) {
	for line := range strings.Lines(cgroupFile) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 {
			continue
		}
		if h.V2 && parts[0] == "0" && parts[1] == "" || !h.V2 && slices.Contains(strings.Split(parts[1], ","), h.Controller) {
			return Clean(parts[2]), true
		}
	}
	return "", false
}
