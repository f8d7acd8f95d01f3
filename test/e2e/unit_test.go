package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/privilege"
	"github.com/saker-sensor/saker/internal/testutil"
)

// TestUnit: systemd understands the unit, finds it well confined, and leaves it the least set of capabilities, with which
// TestCapabilities runs the sensor.
func TestUnit(t *testing.T) {
	text, err := os.ReadFile("../../deploy/systemd/saker.service")
	if err != nil {
		t.Fatal(err)
	}
	const installed = "ExecStart=/usr/local/bin/sensor\n"
	if !strings.Contains(string(text), installed) {
		t.Fatalf("no line %q", installed)
	}
	unit := filepath.Join(t.TempDir(), "saker.service")
	here := strings.Replace(string(text), installed, "ExecStart="+sensorBinary+"\n", 1)
	if err := os.WriteFile(unit, []byte(here), 0o644); err != nil {
		t.Fatal(err)
	}
	// What it does not understand it tells and ignores, with exit code 0.
	if out, err := exec.Command("systemd-analyze", "verify", "--man=no", unit).CombinedOutput(); err != nil ||
		strings.Contains(string(out), "saker.service") {
		t.Errorf("verify: %v\n%s", err, out)
	}
	// Exposure is 0 to 100, in tenths; without any confinement it is 96.
	if out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=35",
		unit).CombinedOutput(); err != nil {
		t.Errorf("security: %v\n%s", err, out)
	}
	var names []string
	for _, n := range privilege.Needs() {
		names = append(names, n.Name)
	}
	allowed := callFilter(t, string(text))
	for call := range callsOf(t, sensorBinary) {
		if !allowed[call] {
			t.Errorf("the sensor makes a system call that the unit refuses: %s", call)
		}
	}
	set := regexp.MustCompile(`(?m)^CapabilityBoundingSet=(.*)$`).FindStringSubmatch(string(text))
	if set == nil || set[1] != strings.Join(names, " ") {
		t.Errorf("the bounding set is %q, want %q", set, names)
	}
}

// filtered is the argument by which the test binary runs a program under a seccomp filter.
const filtered = "run-filtered"

// runFiltered executes a program under a filter that allows all: the sensor does some things otherwise where there is any, as the unit's.
func runFiltered(args []string) int {
	runtime.LockOSThread()
	allow := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}
	program := unix.SockFprog{Len: 1, Filter: &allow}
	err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
	if err == nil {
		err = unix.Exec(args[0], args, os.Environ())
	}
	fmt.Fprintf(os.Stderr, "run %s under a seccomp filter: %v\n", args[0], err)
	return 1
}

// callsOf are the system calls that a run of the sensor under a seccomp filter makes, a reload among them.
func callsOf(t *testing.T, binary string) map[string]bool {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	s := testutil.LaunchSensor(t, self, filtered, "/usr/bin/strace", "-f", "-qq", "-o", trace, binary, "-c", os.DevNull, "-o",
		"top.socket="+filepath.Join(t.TempDir(), "top.sock"))
	s.WaitLog("ready")
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", s.Cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(children)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.WaitLog("INFO	reloaded")
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.Ended
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\d+ +([a-z0-9_]+)\(`).FindAllSubmatch(text, -1) {
		calls[string(m[1])] = true
	}
	if !calls["bpf"] || !calls["execve"] {
		t.Fatalf("the trace lacks calls that were made: %v", calls)
	}
	return calls
}

// callFilter are the system calls that a unit allows.
func callFilter(t *testing.T, unit string) map[string]bool {
	t.Helper()
	line := regexp.MustCompile(`(?m)^SystemCallFilter=(.*)$`).FindStringSubmatch(unit)
	if line == nil {
		t.Fatal("no SystemCallFilter")
	}
	allowed := map[string]bool{}
	var allow func(names []string)
	allow = func(names []string) {
		for _, name := range names {
			if !strings.HasPrefix(name, "@") {
				allowed[name] = true
				continue
			}
			out, err := exec.Command("systemd-analyze", "--no-pager", "syscall-filter", name).Output()
			if err != nil {
				t.Fatalf("read %s: %v", name, err)
			}
			var members []string
			for _, l := range strings.Split(string(out), "\n")[1:] {
				if l = strings.TrimSpace(l); l != "" && l[0] != '#' {
					members = append(members, l)
				}
			}
			allow(members)
		}
	}
	allow(strings.Fields(line[1]))
	return allowed
}
