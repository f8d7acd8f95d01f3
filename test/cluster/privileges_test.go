package cluster

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/privilege"
)

// testPrivileges: what the manifest says of the sensor's privileges is in force, as the kernel sees it.
func (c *cluster) testPrivileges(t *testing.T) {
	pids := c.sensorPids(t)
	if len(pids) != 1 {
		t.Fatalf("%d sensors run: %v", len(pids), pids)
	}
	proc := fmt.Sprintf("/proc/%d/", pids[0])
	var set privilege.Set
	for _, n := range privilege.Needs() {
		set |= 1 << n.Bit
	}
	status := read(t, proc+"status")
	for name, want := range map[string]string{
		"CapPrm": fmt.Sprintf("%016x", uint64(set)), "CapEff": fmt.Sprintf("%016x", uint64(set)), "CapBnd": fmt.Sprintf("%016x", uint64(set)),
		"CapInh": "0000000000000000", "CapAmb": "0000000000000000",
		"NoNewPrivs": "1", "Seccomp": "2", "Seccomp_filters": "1", // 2: a filter
	} {
		if line := name + ":\t" + want + "\n"; !strings.Contains(status, line) {
			t.Errorf("no line %q in\n%s", line, status)
		}
	}
	// The mount point and its options are the fifth and sixth fields (proc_pid_mountinfo(5)).
	mounts := read(t, proc+"mountinfo")
	for _, dir := range []string{"/", "/host/sys/fs/cgroup", "/host/run/containerd", "/etc/saker", "/etc/falco/rules.d"} {
		if !regexp.MustCompile(`(?m)^\S+ \S+ \S+ \S+ ` + regexp.QuoteMeta(dir) + ` ro\b`).MatchString(mounts) {
			t.Errorf("%s is not mounted read-only:\n%s", dir, mounts)
		}
	}
	for name, shared := range map[string]bool{"net": false, "mnt": false, "ipc": false, "uts": false, "pid": true} {
		if same := namespace(t, proc, name) == namespace(t, "/proc/self/", name); same != shared {
			t.Errorf("the sensor is in the host's %s namespace: %v", name, same)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func namespace(t *testing.T, proc, name string) string {
	t.Helper()
	link, err := os.Readlink(proc + "ns/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return link
}
