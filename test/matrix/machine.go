package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// binary is where a suite's test binary is built.
func (m *matrix) binary(goarch, suite string) string {
	return filepath.Join(m.cache, "bin", goarch, suite+".test")
}

func (m *matrix) initBinary(goarch string) string {
	return filepath.Join(m.cache, "bin", goarch, "init")
}

// build makes the static binaries that all machines of an architecture share.
func (m *matrix) build(goarch string) error {
	builds := [][]string{{"build", "-o", m.initBinary(goarch), "./test/matrix/init"}}
	for _, s := range suitesOf(goarch) {
		builds = append(builds, []string{"test", "-c", "-ldflags=-s -w", "-o", m.binary(goarch, s.name), "./" + s.dir})
	}
	for _, args := range builds {
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+goarch)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// kernel is what test/matrix/install has unpacked.
type kernel struct {
	dir, version, goarch string
}

func (m *matrix) kernel(series, goarch string) (*kernel, error) {
	dir := filepath.Join(m.cache, "kernels", series)
	version, err := os.ReadFile(dir + "/version")
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("kernel %s is not in %s; test/matrix/install fetches it where its archive can be reached", series, m.cache)
	}
	if err != nil {
		return nil, err
	}
	return &kernel{dir, strings.TrimSpace(string(version)), goarch}, nil
}

// initramfs packs the machine's file system; it returns the file.
func (m *matrix) initramfs(k *kernel, layout string) (string, error) {
	path := filepath.Join(k.dir, "initramfs-"+layout)
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	a := archive{w: f}
	a.dir("dev", "proc")
	a.add("dev/console", modeChar|0o600, 5, 1, nil)
	a.file("init", 0o755, m.initBinary(k.goarch))
	a.tree("modules", k.dir+"/modules")
	a.dir("image", "image/bin", "image/etc", "image/root", "image/usr", "image/var", "image/tests")
	a.link("image/usr/bin", "../bin")
	a.text("image/etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
	a.text("image/etc/group", 0o644, "root:x:0:\nnogroup:x:65534:\n")
	a.text("image/etc/shadow", 0o600, "root:*:19000:0:99999:7:::\n")
	a.file("image/bin/busybox", 0o755, k.dir+"/busybox")
	applets, err := exec.Command("/bin/busybox", "--list").Output()
	if err != nil {
		return "", fmt.Errorf("list busybox's commands: %w", err)
	}
	for _, applet := range strings.Fields(string(applets)) {
		if applet != "busybox" {
			a.link("image/bin/"+applet, "busybox")
		}
	}
	for _, s := range suitesOf(k.goarch) {
		dir := "image/tests/" + s.name
		a.dir(dir)
		a.file(dir+"/test", 0o755, m.binary(k.goarch, s.name))
		if _, err := os.Stat(s.dir + "/testdata"); err == nil {
			a.tree(dir+"/testdata", s.dir+"/testdata")
		}
	}
	return path, a.close()
}

// boot runs the suites in a machine of its own. The console goes to a file beside the kernel, the tests' output to a
// second serial port, which is QEMU's standard output.
func (m *matrix) boot(ctx context.Context, k *kernel, r *run) error {
	initramfs, err := m.initramfs(k, r.layout)
	if err != nil {
		return fmt.Errorf("pack the initramfs: %w", err)
	}
	console := filepath.Join(k.dir, "console-"+r.layout)
	board := arches[k.goarch]
	cmdline := "console=" + board.consoleName + " panic=-1 oops=panic random.trust_cpu=on " + board.cmdline +
		" saker.port=" + board.portName + " saker.cgroup=" + r.layout
	if r.pattern != "" {
		cmdline += " saker.run=" + r.pattern
	}
	if m.cmdline != "" {
		cmdline += " " + m.cmdline
	}
	// The emulated processors take turns in one thread: QEMU's parallel ones may execute a breakpoint that the kernel has
	// put into its own code and taken away again, and the kernel dies of it (seen with 6.12).
	args := slices.Concat([]string{"-n", "10"}, board.qemu, []string{
		"-accel", "tcg,thread=single", "-smp", "2", "-m", "1G", "-no-reboot", "-nodefaults", "-display", "none", "-serial", "file:" + console,
		"-kernel", k.dir + "/vmlinuz", "-initrd", initramfs, "-append", cmdline,
	}, board.port)
	cmd := exec.CommandContext(ctx, "nice", args...)
	// QEMU must not outlive the matrix.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start QEMU: %w", err)
	}
	raw, err := os.Create(filepath.Join(k.dir, "output-"+r.layout))
	if err != nil {
		return err
	}
	defer raw.Close()
	err = errors.Join(r.read(io.TeeReader(out, raw)), cmd.Wait())
	if ctx.Err() != nil {
		err = fmt.Errorf("the machine did not come to its end within %v", m.deadline)
	}
	if err == nil && r.complete {
		return nil
	}
	if err == nil {
		err = errors.New("the machine ended early")
	}
	return fmt.Errorf("%w\n%s\nthe end of %s:\n%s", err, stderr.String(), console, tail(console))
}

// tail is the end of a file, as far as it can be read.
func tail(path string) string {
	text, _ := os.ReadFile(path)
	return string(text[max(0, len(text)-4000):])
}

// native runs the suites on the running kernel.
func (m *matrix) native(ctx context.Context, r *run) error {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return err
	}
	r.release = unix.ByteSliceToString(name.Release[:])
	for _, s := range suitesOf(runtime.GOARCH) {
		binary, err := filepath.Abs(m.binary(runtime.GOARCH, s.name))
		if err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, binary, "-test.v=test2json", "-test.run="+r.pattern)
		cmd.Dir = s.dir
		out, err := cmd.CombinedOutput()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			return err
		}
		if err := r.addSuite(s.name, fmt.Sprint(cmd.ProcessState.ExitCode()), out); err != nil {
			return err
		}
	}
	r.complete = true
	return ctx.Err()
}

// hostLayout is the running machine's cgroup layout, in the words that the machines use.
func hostLayout() string {
	var v1 bool
	for _, controller := range []string{"memory", "pids", "cpu"} {
		if _, err := os.Stat("/sys/fs/cgroup/" + controller + "/tasks"); err == nil {
			v1 = true
		}
	}
	_, err := os.Stat("/sys/fs/cgroup/unified/cgroup.controllers")
	switch {
	case v1 && err == nil:
		return "hybrid"
	case v1:
		return "v1"
	}
	return "v2"
}
