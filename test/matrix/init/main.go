// Command init is the first process of a test VM: it mounts what a host has mounted, runs the test binaries, and ends
// the machine. What the tests print goes to the serial port that saker.port names, framed by the lines that [frame] writes.
//
// The kernel command line says what else differs between machines: saker.cgroup=v1|hybrid|v2, saker.run=REGEXP.
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// The layout of the initramfs.
const (
	image   = "/image"        // the root of the machine that the tests see
	modules = "/modules"      // kernel modules, loaded in order of their names
	tests   = "/tests"        // in the image: a folder for each test binary, which is called "test"
	frame   = "saker-matrix:" // begins each line that is not a test's
)

func main() {
	if err := run(); err != nil {
		// The console, if the port is what is missing.
		fmt.Println(frame, err)
	}
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART) // QEMU runs with -no-reboot
}

func run() error {
	for _, step := range []func() error{loadModules, enterImage, mountAll, raiseLoopback} {
		if err := step(); err != nil {
			return err
		}
	}
	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return err
	}
	options := strings.Fields(string(cmdline))
	port, err := openPort("/dev/" + option(options, "saker.port"))
	if err != nil {
		return err
	}
	defer func() { _ = unix.IoctlSetInt(int(port.Fd()), unix.TCSBRK, 1) }() // tcdrain(3)
	err = mountCgroups(option(options, "saker.cgroup"))
	if err == nil {
		err = runTests(port, option(options, "saker.run"))
	}
	if err != nil {
		fmt.Fprintln(port, frame, "broken:", err)
	}
	fmt.Fprintln(port, frame, "end")
	return nil
}

func option(options []string, name string) string {
	for _, o := range options {
		if value, ok := strings.CutPrefix(o, name+"="); ok {
			return value
		}
	}
	return ""
}

func loadModules() error {
	files, err := filepath.Glob(modules + "/*.ko")
	if err != nil {
		return err
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil {
			return fmt.Errorf("load module %s: %w", name, err)
		}
	}
	return nil
}

// enterImage moves the image to a file system of its own and makes that the root: the initramfs itself is one that
// nothing can be pivoted away from.
func enterImage() error {
	const root = "/mnt"
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("root", root, "tmpfs", 0, "size=90%,mode=755"); err != nil {
		return fmt.Errorf("mount the root: %w", err)
	}
	if err := copyTree(image, root); err != nil {
		return fmt.Errorf("copy the image: %w", err)
	}
	if err := os.RemoveAll(image); err != nil {
		return err
	}
	if err := unix.Chdir(root); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	return unix.Chdir("/")
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == from {
			return err
		}
		target := to + strings.TrimPrefix(path, from)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			err = os.Mkdir(target, 0o755)
		case d.Type() == fs.ModeSymlink:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		default:
			err = copyFile(path, target)
		}
		if err != nil {
			return err
		}
		return os.Chmod(target, info.Mode())
	})
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(dst, src); err != nil {
		return err
	}
	return dst.Close()
}

type mount struct {
	target, kind, options string
}

func (m mount) do() error {
	if err := os.MkdirAll(m.target, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(m.kind, m.target, m.kind, 0, m.options); err != nil {
		return fmt.Errorf("mount %s (%s %s): %w", m.target, m.kind, m.options, err)
	}
	return nil
}

func mountAll() error {
	for _, m := range []mount{
		{"/proc", "proc", ""},
		{"/sys", "sysfs", ""},
		{"/dev", "devtmpfs", ""},
		{"/dev/pts", "devpts", "ptmxmode=0666"},
		{"/dev/shm", "tmpfs", ""},
		{"/run", "tmpfs", ""},
		{"/sys/fs/bpf", "bpf", ""},
		{"/sys/kernel/debug", "debugfs", ""},
		{"/sys/kernel/tracing", "tracefs", ""},
	} {
		if err := m.do(); err != nil {
			return err
		}
	}
	// A plain folder, as on most servers.
	if err := os.Mkdir("/tmp", 0o777|os.ModeSticky); err != nil {
		return err
	}
	if err := os.Chmod("/tmp", 0o777|os.ModeSticky); err != nil {
		return err
	}
	return unix.Sethostname([]byte("matrix"))
}

// raiseLoopback brings the loopback interface up: until then 127.0.0.1 can be bound to, but not reached.
func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket: %w", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("bring the loopback interface up: %w", err)
	}
	return nil
}

// mountCgroups mounts the hierarchies as systemd does: v2 alone; each controller of v1 by itself; or hybrid, which is
// v1 with an empty v2 beside it.
func mountCgroups(layout string) error {
	const root = "/sys/fs/cgroup"
	if layout == "v2" {
		return mount{root, "cgroup2", ""}.do()
	}
	if layout != "v1" && layout != "hybrid" {
		return fmt.Errorf("mount the cgroups: saker.cgroup is %q, not v1, hybrid or v2", layout)
	}
	if err := (mount{root, "tmpfs", "mode=755"}).do(); err != nil {
		return err
	}
	known, err := os.ReadFile("/proc/cgroups")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(known)) {
		name, _, _ := strings.Cut(line, "\t")
		// Those that runtimes ask for; the unified hierarchy would not show what v1 holds.
		if !slices.Contains([]string{"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids"}, name) {
			continue
		}
		// A kernel may be built without the old form of one (CONFIG_CPUSETS_V1, CONFIG_MEMCG_V1).
		if err := (mount{root + "/" + name, "cgroup", name}).do(); err != nil && !errors.Is(err, unix.EINVAL) {
			return err
		}
	}
	if err := (mount{root + "/systemd", "cgroup", "none,name=systemd"}).do(); err != nil {
		return err
	}
	if layout == "hybrid" {
		return mount{root + "/unified", "cgroup2", ""}.do()
	}
	return nil
}

// openPort is the serial port, passing every byte as it is.
func openPort(name string) (*os.File, error) {
	port, err := os.OpenFile(name, os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	t, err := unix.IoctlGetTermios(int(port.Fd()), unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("read the settings of %s: %w", name, err)
	}
	t.Oflag &^= unix.OPOST
	t.Cflag = t.Cflag&^unix.CBAUD | unix.B115200
	if err := unix.IoctlSetTermios(int(port.Fd()), unix.TCSETS, t); err != nil {
		return nil, fmt.Errorf("change the settings of %s: %w", name, err)
	}
	return port, nil
}

func runTests(port *os.File, pattern string) error {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return err
	}
	fmt.Fprintln(port, frame, "kernel", unix.ByteSliceToString(name.Release[:]))
	binaries, err := filepath.Glob(tests + "/*/test")
	if err != nil {
		return err
	}
	for _, binary := range binaries {
		suite := filepath.Base(filepath.Dir(binary))
		fmt.Fprintln(port, frame, "begin", suite)
		status, err := runTest(port, binary, pattern)
		if err != nil {
			return fmt.Errorf("run %s: %w", suite, err)
		}
		fmt.Fprintln(port, frame, "exit", suite, status)
	}
	return nil
}

// runTest runs a test binary in a session of its own, and meanwhile buries what was orphaned, as a first process does.
func runTest(port *os.File, binary, pattern string) (status int, err error) {
	p, err := os.StartProcess(binary, []string{binary, "-test.v=test2json", "-test.run=" + pattern}, &os.ProcAttr{
		Dir:   filepath.Dir(binary),
		Env:   []string{"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/root", "TMPDIR=/tmp"},
		Files: []*os.File{nil, port, port},
		Sys:   &unix.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, err
	}
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case pid != p.Pid:
		case ws.Signaled():
			return 128 + int(ws.Signal()), nil
		default:
			return ws.ExitStatus(), nil
		}
	}
}
