package alias

import (
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is the kernel's own bound on symbolic links in one path (MAXSYMLINKS).
const maxLinks = 40

// tree looks names up below a root directory, for one scan. It opens nothing, not even with O_PATH: another sensor that watches
// the same files would report each open (Falco's rules about /etc/shadow and ~/.ssh do). statx(2) and readlink(2) are not opens.
//
// The kernel can resolve a path within a root directory only by openat2(2). So symbolic links are followed here, one component
// after the other. A process that exchanges a directory for a symbolic link between two of these calls can lead one lookup out of
// the root. It then has a watched name of its own container mean another inode number; nothing is opened or read there.
type tree struct {
	root string // as a prefix: without a slash at its end
	// dirs are directories known in this scan, by names that contain no symbolic link.
	dirs map[string]bool
}

func newTree(root string) *tree {
	return &tree{root: strings.TrimSuffix(root, "/"), dirs: map[string]bool{}}
}

// regular finds the regular file that a name means; false if there is none. Symbolic links do not lead out of the root, as with
// openat2's RESOLVE_IN_ROOT.
func (t *tree) regular(name string) (inode, bool) {
	dir, rest, links := "", name, 0
	for rest != "" {
		var component string
		var more bool
		component, rest, more = strings.Cut(rest, "/")
		switch component {
		case "", ".":
			continue
		case "..":
			dir = dir[:max(strings.LastIndexByte(dir, '/'), 0)]
			continue
		}
		path := dir + "/" + component
		if t.dirs[path] {
			dir = path
			continue
		}
		var st unix.Statx_t
		const flags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
		if unix.Statx(unix.AT_FDCWD, t.root+path, flags, unix.STATX_TYPE|unix.STATX_INO, &st) != nil {
			return inode{}, false
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			if more {
				return inode{}, false
			}
			return inodeOf(&st), true
		case unix.S_IFDIR:
			t.dirs[path] = true
			dir = path
		case unix.S_IFLNK:
			target, ok := readlink(t.root + path)
			if links++; !ok || links > maxLinks {
				return inode{}, false
			}
			if target[0] == '/' {
				dir = ""
			}
			if more {
				target += "/" + rest
			}
			rest = target
		default:
			return inode{}, false
		}
	}
	return inode{}, false
}

// readlink returns a symbolic link's target, which is never empty.
func readlink(path string) (target string, ok bool) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink(path, buf)
	return string(buf[:max(n, 0)]), err == nil && n > 0 && n < len(buf)
}
