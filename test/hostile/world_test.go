package hostile

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/testutil"
)

// folder is a directory that calls may start from.
type folder struct {
	fd int
	// name is its path. Of what is no folder, too: a call may start from there, in vain.
	name
	// files are names in it.
	files []string
	// bottom: it lies deeper than the kernel names.
	bottom bool
}

// program is a file that can be executed.
type program struct {
	path string
	// exe is what runs then, interp the interpreter as a script names it, and arg the one argument given there.
	exe, interp, arg string
}

// world is the file system that the caller works on: a tmpfs which it has as its root.
type world struct {
	// paths are absolute ones of files of all kinds.
	paths   []string
	folders []folder
	// nothing are descriptors without a file that has a path.
	nothing  []int
	programs []program
	memfd    int
	// deepest has the paths, by inode, of what lies too deep for /proc to name.
	deepest map[[2]uint64]string
	// tooLong is the one folder whose path is longer than /proc can tell.
	tooLong string
	handles [][]byte
	// entry32: the kernel takes 32-bit system calls.
	entry32 bool
}

// The folder that is renamed all the time has one of these names.
const (
	movingA = "/r/a/x1"
	movingB = "/r/b/long-x2"
)

// moved is the other name of a path below the folder that is renamed; empty for others.
func moved(path string) string {
	for from, to := range map[string]string{movingA: movingB, movingB: movingA} {
		if path == from || strings.HasPrefix(path, from+"/") {
			return to + path[len(from):]
		}
	}
	return ""
}

// newWorld makes the world in a folder and enters it.
func newWorld(dir string) (*world, error) {
	w := &world{deepest: map[[2]uint64]string{}}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1g"); err != nil {
		return nil, fmt.Errorf("mount a tmpfs: %w", err)
	}
	for _, sub := range []string{"/proc", "/sys", "/dev", "/fuse", "/tmp"} {
		if err := os.Mkdir(dir+sub, 0o755); err != nil {
			return nil, err
		}
	}
	err := errors.Join(
		unix.Mount("proc", dir+"/proc", "proc", 0, ""),
		unix.Mount("/sys", dir+"/sys", "", unix.MS_BIND, ""),
		unix.Mount("", dir+"/sys", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""),
		unix.Mknod(dir+"/dev/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))),
		unix.Mknod(dir+"/dev/zero", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))),
		startFUSE(dir+"/fuse"),
		unix.Chroot(dir),
		unix.Chdir("/"),
	)
	if err != nil {
		return nil, fmt.Errorf("enter the world: %w", err)
	}
	unix.Umask(0)
	for _, make := range []func() error{w.plain, w.links, w.nested, w.overlay, w.deep, w.gone, w.moving, w.executables, w.odd} {
		if err := make(); err != nil {
			return nil, fmt.Errorf("make the world: %w", err)
		}
	}
	w.paths = append(w.paths,
		"/proc/self/status", "/proc/self/maps", "/proc/self/task", "/proc/self/ns/net", "/proc/self/cwd", "/proc/self/root/plain/file",
		"/proc/thread-self/stat",
		"/proc/sys/kernel/hostname", "/proc/self/fd", "/proc/self/fd/99999", "/proc/self/environ", "/proc/filesystems", "/proc/self/root",
		"/sys/kernel/mm/transparent_hugepage/enabled", "/sys/devices/system/cpu/online", "/sys/class", "/sys/block", "/sys/fs",
		"/sys/devices/system/cpu/cpu0/topology/core_id",
		"/dev/null", "/dev/zero", "/fuse/there", "/fuse/there is\n\xff", "/fuse/absent", "/fuse", "/", "/tmp", "/proc", "/nowhere",
		"/plain/file/below",
	)
	for _, f := range w.folders {
		w.paths = append(w.paths, fmt.Sprintf("/proc/self/fd/%d", f.fd))
	}
	for _, fd := range w.nothing {
		w.paths = append(w.paths, fmt.Sprintf("/proc/self/fd/%d", fd))
	}
	return w, nil
}

// startFUSE mounts a FUSE file system that another process serves: a thread in a call to it must not wait for its own
// process.
func startFUSE(dir string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(exe, dir)
	cmd.Env = append(os.Environ(), roleVar+"="+roleFUSE)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	_, err = bufio.NewReader(out).ReadString('\n')
	return err
}

// serveFUSE mounts and serves it until it is killed.
func serveFUSE(dir string) error {
	f := testutil.FUSE{}
	if err := f.MountFUSE(dir); err != nil {
		return err
	}
	fmt.Println("mounted")
	select {}
}

func write(paths ...string) error {
	for _, p := range paths {
		if err := os.WriteFile(p, []byte("x"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// addFolder opens a folder, or anything else that calls may be told to start from.
func (w *world) addFolder(path string, files ...string) error {
	fd, err := unix.Open(path, unix.O_PATH, 0)
	if err != nil {
		return fmt.Errorf("open %q: %w", path, err)
	}
	w.folders = append(w.folders, folder{fd: fd, name: name{Text: path, Other: moved(path)}, files: files})
	return nil
}

// plain makes files with names of all kinds.
func (w *world) plain() error {
	names := []string{
		"file", "two\nlines\t\x1b[31m", "\xff\xfe\xc0\xaf", strings.Repeat("n", 255), "  a b ", `a\x2fb"'`, "was (deleted)", "...", "-r",
		"\x01\x7f",
		"%s%n", "<NA>", "💣", strings.Repeat("\xf0", 254),
	}
	if err := os.MkdirAll("/plain/sub/sub sub", 0o755); err != nil {
		return err
	}
	for _, n := range names {
		if err := write("/plain/"+n, "/plain/sub/"+n); err != nil {
			return err
		}
		w.paths = append(w.paths, "/plain/"+n, "/plain/sub/../"+n, "/plain/sub/"+n)
	}
	return errors.Join(w.addFolder("/plain", append(names, "sub")...), w.addFolder("/plain/sub", names...), w.addFolder("/plain/file"),
		w.addFolder("/", "plain", "proc", "dev/null"))
}

// links makes symbolic links, alone, in chains and in circles.
func (w *world) links() error {
	if err := os.MkdirAll("/l/far/away", 0o755); err != nil {
		return err
	}
	for from, to := range map[string]string{
		"/l/file": "/plain/file", "/l/relative": "../plain/file", "/l/folder": "/plain/sub", "/l/loop": "loop", "/l/ping": "pong",
		"/l/pong": "ping", "/l/lost": "/no/where",
		"/l/magic": "/proc/self/fd/0", "/l/up": "../../../..", "/l/far/away/back": "../../folder", "/l/root": "/proc/self/root",
		"/l/long": strings.Repeat("./", 2000) + "file",
	} {
		if err := os.Symlink(to, from); err != nil {
			return err
		}
	}
	for i := range 40 {
		target := fmt.Sprint(i - 1)
		if i == 0 {
			target = "/plain/file"
		}
		if err := os.Symlink(target, fmt.Sprintf("/l/%d", i)); err != nil {
			return err
		}
	}
	for _, n := range []string{"file", "relative", "folder", "loop", "ping", "lost", "up", "root", "long", "39", "38", "folder/../file",
		"far/away/back/file", "root/l/root/l/file", "folder/absent"} {
		w.paths = append(w.paths, "/l/"+n)
	}
	return w.addFolder("/l", "file", "relative", "folder", "loop", "39", "far/away/back/file", "up")
}

// nested mounts 40 file systems, each in the last one, and binds.
func (w *world) nested() error {
	path := "/m"
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	for range 40 {
		if err := unix.Mount("tmpfs", path, "tmpfs", 0, "size=1m"); err != nil {
			return err
		}
		if err := write(path + "/file"); err != nil {
			return err
		}
		w.paths = append(w.paths, path+"/file")
		path += "/m"
		if err := os.Mkdir(path, 0o755); err != nil {
			return err
		}
	}
	if err := write("/bound"); err != nil {
		return err
	}
	err := errors.Join(
		unix.Mount("/plain", path, "", unix.MS_BIND, ""),
		unix.Mount("/plain/file", "/bound", "", unix.MS_BIND, ""),
	)
	w.paths = append(w.paths, path+"/file", path, "/bound")
	return errors.Join(err, w.addFolder(path, "file", "sub/file", "../file", "../../../file"))
}

func (w *world) overlay() error {
	for _, d := range []string{"lower/sub", "upper", "work", "merged"} {
		if err := os.MkdirAll("/o/"+d, 0o755); err != nil {
			return err
		}
	}
	if err := write("/o/lower/low", "/o/lower/sub/written", "/o/upper/up"); err != nil {
		return err
	}
	if err := unix.Mount("overlay", "/o/merged", "overlay", 0, "lowerdir=/o/lower,upperdir=/o/upper,workdir=/o/work"); err != nil {
		return err
	}
	for _, n := range []string{"low", "up", "sub/written", "sub", "absent", "new", "sub/new"} {
		w.paths = append(w.paths, "/o/merged/"+n)
	}
	return w.addFolder("/o/merged", "low", "up", "sub/written", "sub/../low")
}

// deep makes folders that lie deeper than the kernel's walk goes, and have longer paths than it names.
func (w *world) deep() error {
	for _, d := range []struct {
		top, name string
		depth     int
	}{{"/deep", "d", 300}, {"/long", strings.Repeat("l", 250), 20}, {"/fits", strings.Repeat("f", 200), 20}, {"/150", "d", 150}} {
		path := d.top
		if err := os.Mkdir(path, 0o755); err != nil {
			return err
		}
		if err := unix.Chdir(path); err != nil {
			return err
		}
		for range d.depth {
			if err := errors.Join(unix.Mkdir(d.name, 0o755), unix.Chdir(d.name)); err != nil {
				return err
			}
			path += "/" + d.name
			if err := w.remember(".", path); err != nil {
				return err
			}
		}
		if err := errors.Join(write("bottom"), os.Symlink("/plain/file", "out"), os.WriteFile("program", tiny(), 0o755)); err != nil {
			return err
		}
		fd, err := unix.Open(".", unix.O_PATH, 0)
		if err = errors.Join(err, w.remember("bottom", path+"/bottom")); err != nil {
			return err
		}
		if len(path) >= maxPath {
			w.tooLong = path
		}
		w.folders = append(w.folders, folder{
			fd: fd, name: name{Text: path}, files: []string{"bottom", "out", "absent", "../absent", "../" + d.name + "/bottom", "."}, bottom: true,
		})
	}
	return unix.Chdir("/")
}

func (w *world) remember(file, path string) error {
	var st unix.Stat_t
	err := unix.Stat(file, &st)
	w.deepest[[2]uint64{st.Dev, st.Ino}] = path
	return err
}

// gone makes folders and files that are deleted, and stay open.
func (w *world) gone() error {
	if err := errors.Join(os.MkdirAll("/gone/folder/sub", 0o755), write("/gone/file")); err != nil {
		return err
	}
	err := errors.Join(w.addFolder("/gone/folder", "absent", "../file", "."), w.addFolder("/gone/folder/sub", "absent", "..", "../absent"),
		w.addFolder("/gone/file"))
	return errors.Join(err, os.RemoveAll("/gone/folder"), os.Remove("/gone/file"))
}

// moving makes the folder that shuffle renames.
func (w *world) moving() error {
	if err := errors.Join(os.MkdirAll(movingA+"/sub/sub", 0o755), os.MkdirAll(filepath.Dir(movingB), 0o755)); err != nil {
		return err
	}
	if err := write(movingA+"/file", movingA+"/sub/file", movingA+"/sub/sub/file"); err != nil {
		return err
	}
	for range 3 { // a name that is torn by a rename is rare
		for _, sub := range []string{"", "/sub", "/sub/sub"} {
			if err := w.addFolder(movingA+sub, "file", "../file", "sub/file"); err != nil {
				return err
			}
			w.paths = append(w.paths, movingA+sub+"/file", movingB+sub+"/file")
		}
	}
	return nil
}

// shuffle renames the folder until the process ends.
func shuffle() {
	runtime.LockOSThread()
	for {
		for range 20 {
			_ = unix.Rename(movingA, movingB)
			_ = unix.Rename(movingB, movingA)
		}
		_ = unix.Nanosleep(&unix.Timespec{Nsec: 1}, nil)
	}
}

// executables makes programs, links to them and scripts.
func (w *world) executables() error {
	if err := errors.Join(os.MkdirAll("/bin", 0o755), os.MkdirAll("/o/merged/bin", 0o755)); err != nil {
		return err
	}
	for _, p := range []string{"/bin/tiny", "/bin/\n\xff\x01", "/o/merged/bin/tiny", "/bin/" + strings.Repeat("p", 255),
		"/bin/script (deleted)"} {
		if err := os.WriteFile(p, tiny(), 0o755); err != nil {
			return err
		}
		w.programs = append(w.programs, program{path: p, exe: p})
	}
	if err := errors.Join(
		os.Symlink("tiny", "/bin/link"), os.Symlink("/bin/link", "/bin/link to link"),
		os.WriteFile("/bin/script", []byte("#!/bin/link\n"), 0o755),
		os.WriteFile("/bin/script with\targument", []byte("#! /bin/../bin/tiny  an argument \xff \n"), 0o755),
	); err != nil {
		return err
	}
	for _, p := range []string{"/bin/link", "/bin/link to link", "/proc/self/root/bin/tiny", "/l/root/bin/tiny", "//bin/./tiny",
		"/bin/../bin/link"} {
		w.programs = append(w.programs, program{path: p, exe: "/bin/tiny"})
	}
	w.programs = append(w.programs,
		program{path: "/bin/script", exe: "/bin/tiny", interp: "/bin/link"},
		program{path: "/bin/script with\targument", exe: "/bin/tiny", interp: "/bin/../bin/tiny", arg: "an argument \xff"},
	)
	return w.addFolder("/bin", "absent")
}

// odd makes descriptors without a path, and file handles.
func (w *world) odd() error {
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		return err
	}
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	if w.memfd, err = unix.MemfdCreate("a\nmemfd", 0); err != nil {
		return err
	}
	if _, err := unix.Write(w.memfd, tiny()); err != nil {
		return err
	}
	epoll, err := unix.EpollCreate1(0)
	if err != nil {
		return err
	}
	w.nothing = []int{pipe[0], pipe[1], socket, epoll, w.memfd}
	for _, p := range []string{"/plain/file", "/plain/sub", "/plain/" + strings.Repeat("n", 255)} {
		h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, p, 0)
		if err != nil {
			return fmt.Errorf("make a handle of %s: %w", p, err)
		}
		// struct file_handle: the length, the type, the bytes.
		raw := make([]byte, 8, 8+h.Size())
		raw[0], raw[4] = byte(h.Size()), byte(h.Type())
		w.handles = append(w.handles, append(raw, h.Bytes()...))
	}
	return nil
}
