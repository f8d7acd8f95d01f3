package alias

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTree: a name means below a root directory what the kernel makes of it there, and nothing outside.
func TestTree(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	root := dir + "/root"
	for _, name := range []string{root + "/etc/shadow", root + "/usr/bin/sh", dir + "/outside"} {
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		must(t, os.WriteFile(name, nil, 0o600))
	}
	for name, target := range map[string]string{
		"/bin": "usr/bin", "/absolute": "/etc/shadow", "/etc/up": "../usr/./bin//sh", "/climb": "../../../../../etc/shadow",
		"/out": dir + "/outside", "/rel": "../outside", "/loop": "loop", "/a": "b", "/b": "a/x", "/dangling": "absent", "/chain": "absolute",
		"/slash": "etc/shadow/", "/dir": "/etc/",
	} {
		must(t, os.Symlink(target, root+name))
	}
	must(t, unix.Mkfifo(root+"/fifo", 0o600))
	must(t, os.Mkdir(root+"/proc", 0o755))

	tree := newTree(root + "/")
	for name, want := range map[string]string{
		"/etc/shadow": "/etc/shadow", "etc/shadow": "/etc/shadow", "//etc/./shadow": "/etc/shadow", "/usr/../etc/shadow": "/etc/shadow",
		"/bin/sh": "/usr/bin/sh", "/absolute": "/etc/shadow", "/etc/up": "/usr/bin/sh",
		"/climb": "/etc/shadow", "/../../etc/shadow": "/etc/shadow",
		"/chain": "/etc/shadow", "/dir/shadow": "/etc/shadow", "/bin/../lib/../bin/sh": "",
		"/out": "", "/rel": "", "/loop": "", "/a": "", "/dangling": "", "/slash": "",
		"/etc/shadow/": "", "/etc/shadow/x": "", "/etc/shadow/..": "",
		"/etc": "", "/": "", "": "", "/fifo": "", "/absent/../etc/shadow": "",
	} {
		for range 2 { // the second time from the known directories
			got, ok := tree.regular(name)
			// The kernel's own answer, where it can give one.
			fd, err := unix.Openat2(unix.AT_FDCWD, root, &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY})
			must(t, err)
			expected, exists := byKernel(fd, name)
			unix.Close(fd)
			if got != expected || ok != exists || exists != (want != "") {
				t.Errorf("%q: got %v, %v; the kernel finds %v, %v; want %q", name, got, ok, expected, exists, want)
			}
		}
	}
}

// byKernel is the regular file that the kernel finds below a directory, by openat2(2).
func byKernel(dir int, name string) (inode, bool) {
	fd, err := unix.Openat2(dir, name, &unix.OpenHow{Flags: unix.O_PATH, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
	if err != nil {
		return inode{}, false
	}
	defer unix.Close(fd)
	var st unix.Statx_t
	if unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_TYPE|unix.STATX_INO, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return inode{}, false
	}
	return inodeOf(&st), true
}
