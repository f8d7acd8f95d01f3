package kernel

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// openAs opens a path for reading, by whichever way it leads to the file. args: the directory to be in, the path as
// given to the call, its absolute form.
func openAsTrigger(args []string) (any, error) {
	if err := unix.Chdir(args[0]); err != nil {
		return nil, err
	}
	return openat(unix.AT_FDCWD, args[1], event.File{Given: args[2]})
}

// Two names, the caller's and the kernel's.
func TestNames(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	file := filepath.Join(dir, "x", "y", "file")
	must(t, os.MkdirAll(filepath.Dir(file), 0o755))
	must(t, os.WriteFile(file, nil, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "x", "other"), nil, 0o600))
	must(t, os.Symlink("x/y/file", filepath.Join(dir, "link")))
	must(t, os.Symlink("link", filepath.Join(dir, "link to link")))
	must(t, os.Symlink("x/y", filepath.Join(dir, "to y")))

	for _, tt := range []struct{ name, cwd, raw, given, resolved string }{
		{"symlink", "/", dir + "/link", dir + "/link", file},
		{"symlink to a symlink", "/", dir + "/link to link", dir + "/link to link", file},
		{"symlink on the way", "/", dir + "/to y/file", dir + "/to y/file", file},
		{"dots behind a symlink", "/", dir + "/to y/../other", dir + "/other", dir + "/x/other"},
		{"relative", dir, "x/y/file", file, file},
		{"relative with dots", dir + "/x/y", "./..//y/../y/file", file, file},
		{"relative above the root", "/", "../../.." + file, file, file},
		{"absolute with dots", "/", dir + "/./x//y/../y/file", file, file},
		{"slashes at the front", "/", "//" + file, file, file},
		{"slash at the end", "/", dir + "/x/y/", dir + "/x/y", dir + "/x/y"},
		{"root", dir, "/", "/", "/"},
		{"working directory", dir, ".", dir, dir},
		{"through /proc/self/root", dir, "/proc/self/root" + file, "/proc/self/root" + file, file},
		{"through /proc/self/cwd", dir, "/proc/self/cwd/link", "/proc/self/cwd/link", file},
		{"directory", dir, dir + "/x", dir + "/x", dir + "/x"},
		{"device", dir, "/dev/null", "/dev/null", "/dev/null"},
		{"namespace", dir, "/proc/self/ns/net", "/proc/self/ns/net", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var facts callFacts
			c := trigger(t, &facts, "open as", tt.cwd, tt.raw, tt.given)
			if tt.resolved == "" {
				// It stands in no directory. The kernel makes a name up for /proc; here it has none.
				facts.Want.File.Resolved = ""
				facts.Want.Flags |= event.FlagOutsideRoot
			}
			if got := facts.Want.File.Resolved; got != tt.resolved {
				t.Fatalf("the kernel calls the file %q, want %q", got, tt.resolved)
			}
			ev := c.open(event.TypeOpenat, tt.raw)
			c.check(ev, facts)
			if want := tt.resolved != "" && tt.given != tt.resolved; ev.OtherNames() != 0 != want {
				t.Errorf("another name: %v, want %v", !want, want)
			}
		})
	}
}

func pipeTrigger([]string) (any, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], 0); err != nil {
		return nil, err
	}
	const path = "/proc/self/fd/77"
	if err := unix.Dup3(fds[0], 77, 0); err != nil {
		return nil, err
	}
	f, err := openat(unix.AT_FDCWD, path, event.File{Given: path})
	if err != nil {
		return nil, err
	}
	f.Want.File.Resolved = ""
	f.Want.Flags = event.FlagOutsideRoot
	return f, nil
}

// A pipe has no path, and nothing is made up for it.
func TestPipe(t *testing.T) {
	var facts callFacts
	c := trigger(t, &facts, "pipe")
	c.check(c.open(event.TypeOpenat, "/proc/self/fd/77"), facts)
}

// dirfdTrigger opens args[1] below the directory args[0].
func dirfdTrigger(args []string) (any, error) {
	dir, err := unix.Open(args[0], unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return openat(dir, args[1], event.File{Given: filepath.Join(args[0], args[1])})
}

func TestDirectoryDescriptor(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(dir+"/a/b", 0o755))
	must(t, os.WriteFile(dir+"/a/file", nil, 0o600))
	var facts callFacts
	c := trigger(t, &facts, "dirfd", dir+"/a/b", "../file")
	ev := c.open(event.TypeOpenat, "../file")
	c.check(ev, facts)
	if ev.DirFD < 0 || ev.File.Given != dir+"/a/file" {
		t.Errorf("dirfd %d, given %q", ev.DirFD, ev.File.Given)
	}
}

// Any bytes but NUL and slash are a name.
func TestNameBytes(t *testing.T) {
	dir := t.TempDir()
	for name, file := range map[string]string{
		"newline": "two\nlines\t\x1b[31m", "invalid UTF-8": "\xff\xfe\xc0\xaf", "255 bytes": strings.Repeat("n", 255),
		"blanks": "  a b ", "backslash": `a\x2fb"'`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, file)
			must(t, os.WriteFile(path, nil, 0o600))
			var facts callFacts
			c := trigger(t, &facts, "open as", "/", path, path)
			// JSON has no way to carry the bytes of every name.
			f := &facts.Want.File
			f.Raw, f.Given, f.Resolved = path, path, path
			f.FS = fsPath(t, path)
			c.check(c.open(event.TypeOpenat, path), facts)
		})
	}
}

// deepTrigger opens the file "bottom" below a chain of directories, by a descriptor of the last one. args: the top, the
// name of each directory, how many.
func deepTrigger(args []string) (any, error) {
	if err := unix.Chdir(args[0]); err != nil {
		return nil, err
	}
	depth, err := strconv.Atoi(args[2])
	if err != nil {
		return nil, err
	}
	for range depth {
		if err := unix.Mkdir(args[1], 0o700); err != nil {
			return nil, err
		}
		if err := unix.Chdir(args[1]); err != nil {
			return nil, err
		}
	}
	made, err := openFacts(event.TypeOpenat, unix.AT_FDCWD, event.File{Raw: "bottom", OpenFlags: unix.O_CREAT, Created: true},
		func() (uintptr, error) {
			fd, err := unix.Openat(unix.AT_FDCWD, "bottom", unix.O_CREAT, 0)
			return uintptr(fd), err
		})
	if err != nil {
		return nil, err
	}
	absent, err := openat(unix.AT_FDCWD, "absent", event.File{})
	return []*callFacts{made, absent}, err
}

func TestDeepPath(t *testing.T) {
	for _, tt := range []struct {
		name, dir string
		depth     int
		cut       bool
	}{
		{"190 components", "d", 190 - strings.Count(os.TempDir(), "/"), false},
		{"more components than the walk has steps", "d", 230, true},
		{"4000 bytes", strings.Repeat("n", 200), 19, false},
		{"more bytes than a path may have", strings.Repeat("n", 250), 17, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			top := t.TempDir()
			var facts []callFacts
			c := trigger(t, &facts, "deep", top, tt.dir, strconv.Itoa(tt.depth))
			for _, f := range facts {
				ev := c.open(event.TypeOpenat, f.Want.File.Raw)
				whole := top + strings.Repeat("/"+tt.dir, tt.depth) + "/" + f.Want.File.Raw
				want := &f.Want.File
				if want.Given = whole; !f.Want.Failed() {
					want.Resolved = whole
					want.FS = fsPath(t, top)
					want.FS.Shown += strings.TrimPrefix(whole, top)
				}
				if tt.cut {
					f.Want.Flags |= event.FlagPathTruncated
					// Whole components from the end are left, as many as fit. The given name lost the same at its front.
					for _, got := range []string{ev.File.Given, ev.File.Resolved} {
						if got == "" && f.Want.Failed() {
							continue
						}
						if !strings.HasPrefix(got, "/") || !strings.HasSuffix(whole, got) || len(got) < 390 || got == whole {
							t.Errorf("what is left of the path (%d bytes): %q", len(got), got)
						}
					}
					want.Given, want.Resolved = ev.File.Given, ev.File.Resolved
					want.FS = event.FSPath{} // it is cut before the walk comes to the mount's root
				}
				c.check(ev, f)
			}
		})
	}
}

// bindTrigger: a private mount namespace in which args[0]/real stands at args[0]/bound too, the file args[0]/real/file at
// args[0]/bound file, and args[0]/bound/in at args[0]/nested.
func bindTrigger(args []string) (any, error) {
	dir := args[0]
	if err := privateMounts(); err != nil {
		return nil, err
	}
	for _, m := range [][2]string{{"/real", "/bound"}, {"/real/file", "/bound file"}, {"/bound/in", "/nested"}} {
		if err := unix.Mount(dir+m[0], dir+m[1], "", unix.MS_BIND, ""); err != nil {
			return nil, err
		}
	}
	var all []*callFacts
	for _, name := range []string{"/real/file", "/bound/file", "/bound file", "/link", "/nested/file", "/nested"} {
		f, err := openat(unix.AT_FDCWD, dir+name, event.File{Given: dir + name})
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// privateMounts gives the calling thread a mount namespace of its own, whose changes nobody else sees.
func privateMounts() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
}

func TestBindMount(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"/real/in", "/bound", "/nested"} {
		must(t, os.MkdirAll(dir+name, 0o755))
	}
	for _, name := range []string{"/real/file", "/real/in/file", "/bound file"} {
		must(t, os.WriteFile(dir+name, nil, 0o600))
	}
	must(t, os.Symlink("bound/file", dir+"/link"))
	var facts []callFacts
	c := trigger(t, &facts, "bind", dir)
	top := fsPath(t, dir)
	source := top.Hidden + top.Shown // of the folder, in its file system
	for i, want := range []struct{ resolved, hidden, shown string }{
		{"/real/file", top.Hidden, top.Shown + "/real/file"}, // an ordinary open
		{"/bound/file", source + "/real", "/file"},
		{"/bound file", source + "/real/file", ""},
		{"/bound/file", source + "/real", "/file"}, // by a symbolic link
		{"/nested/file", source + "/real/in", "/file"},
		{"/nested", source + "/real/in", ""},
	} {
		f := facts[i]
		ev := c.open(event.TypeOpenat, f.Want.File.Raw)
		c.check(ev, f)
		if ev.File.Resolved != dir+want.resolved {
			t.Errorf("%q is %q, want %q", f.Want.File.Raw, ev.File.Resolved, dir+want.resolved)
		}
		if at := (event.FSPath{Known: true, Hidden: want.hidden, Shown: want.shown}); ev.File.FS != at {
			t.Errorf("%q is in its file system at %+v, want %+v", f.Want.File.Raw, ev.File.FS, at)
		}
		if i < 4 && ev.File.ID.Ino != facts[0].Want.File.ID.Ino {
			t.Errorf("%q is another file", f.Want.File.Raw)
		}
	}
}

// chrootInMountTrigger: args[0]/real/in is the root directory, by way of the bind mount of args[0]/real at args[0]/bound.
func chrootInMountTrigger(args []string) (any, error) {
	dir := args[0]
	top, err := fsPathAt(dir)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(privateMounts(), unix.Mount(dir+"/real", dir+"/bound", "", unix.MS_BIND, "")); err != nil {
		return nil, err
	}
	if err := unix.Mount("/proc", dir+"/bound/in/proc", "", unix.MS_BIND, ""); err != nil {
		return nil, err
	}
	if err := unix.Mount("/sys", dir+"/bound/in/sys", "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return nil, err
	}
	if err := errors.Join(unix.Chroot(dir+"/bound/in"), unix.Chdir("/")); err != nil {
		return nil, err
	}
	f, err := openat(unix.AT_FDCWD, "/file", event.File{Given: "/file"})
	if err != nil {
		return nil, err
	}
	f.Want.File.FS = event.FSPath{Known: true, Hidden: top.Hidden + top.Shown + "/real/in", Shown: "/file"}
	return f, nil
}

func TestChrootInBindMount(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"/real/in/proc", "/real/in/sys", "/bound"} {
		must(t, os.MkdirAll(dir+name, 0o755))
	}
	must(t, os.WriteFile(dir+"/real/in/file", nil, 0o600))
	var facts callFacts
	c := trigger(t, &facts, "chroot in mount", dir)
	c.check(c.open(event.TypeOpenat, "/file"), facts)
}

// chrootTrigger: opens by an absolute path, by one that tries to leave the root, and by a descriptor from before.
func chrootTrigger(args []string) (any, error) {
	outside, err := unix.Open("/etc", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	if err := privateMounts(); err != nil { // also unshares the root directory from the other threads
		return nil, err
	}
	if err := unix.Mount("/proc", args[0]+"/proc", "", unix.MS_BIND, ""); err != nil {
		return nil, err
	}
	if err := unix.Mount("/sys", args[0]+"/sys", "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return nil, err
	}
	top, err := fsPathAt(args[0])
	if err != nil {
		return nil, err
	}
	passwd, err := fsPathAt("/etc/passwd")
	if err != nil {
		return nil, err
	}
	if err := unix.Chroot(args[0]); err != nil {
		return nil, err
	}
	if err := unix.Chdir("/"); err != nil {
		return nil, err
	}
	inside, err := openat(unix.AT_FDCWD, "/file", event.File{Given: "/file"})
	if err != nil {
		return nil, err
	}
	above, err := openat(unix.AT_FDCWD, "../../file", event.File{Given: "/file"})
	if err != nil {
		return nil, err
	}
	// The mount that the new root directory is on has no place below it, and so no line in mountinfo.
	inside.Want.File.FS = event.FSPath{Known: true, Hidden: top.Hidden + top.Shown, Shown: "/file"}
	above.Want.File.FS = inside.Want.File.FS
	escaped, err := openat(outside, "passwd", event.File{Given: "/etc/passwd"})
	if err != nil {
		return nil, err
	}
	escaped.Want.Flags |= event.FlagOutsideRoot
	escaped.Want.File.FS = passwd
	return []*callFacts{inside, above, escaped}, nil
}

func TestChroot(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(dir+"/proc", 0o755))
	must(t, os.Mkdir(dir+"/sys", 0o755))
	must(t, os.WriteFile(dir+"/file", nil, 0o600))
	var facts []callFacts
	c := trigger(t, &facts, "chroot", dir)
	var resolved []string
	for _, f := range facts {
		c.check(c.open(event.TypeOpenat, f.Want.File.Raw), f)
		resolved = append(resolved, f.Want.File.Resolved)
	}
	if want := []string{"/file", "/file", "/etc/passwd"}; !slices.Equal(resolved, want) {
		t.Errorf("resolved %q, want %q", resolved, want)
	}
}

func deletedDirTrigger(args []string) (any, error) {
	dir := filepath.Join(args[0], "gone")
	if err := unix.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	if err := unix.Chdir(dir); err != nil {
		return nil, err
	}
	if err := unix.Rmdir(dir); err != nil {
		return nil, err
	}
	itself, err := openat(unix.AT_FDCWD, ".", event.File{Given: dir})
	if err != nil {
		return nil, err
	}
	below, err := openat(unix.AT_FDCWD, "file", event.File{Given: dir + "/file"})
	return []*callFacts{itself, below}, err
}

func TestDeletedWorkingDirectory(t *testing.T) {
	var facts []callFacts
	c := trigger(t, &facts, "deleted directory", t.TempDir())
	for _, f := range facts {
		c.check(c.open(event.TypeOpenat, f.Want.File.Raw), f)
	}
	if facts[1].Want.Ret != -int64(unix.ENOENT) {
		t.Errorf("an open below a deleted directory returned %d", facts[1].Want.Ret)
	}
}
