package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/pkg/oci"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/privilege"
	"github.com/saker-sensor/saker/internal/testutil"
)

// withCapabilities are the words before a command that leave it these capabilities, as a container or a unit would.
func withCapabilities(needs []privilege.Need) []string {
	set := "--bounding-set=-all"
	for _, n := range needs {
		set += ",+" + strings.ToLower(strings.TrimPrefix(n.Name, "CAP_"))
	}
	return []string{"setpriv", set, "--inh-caps=-all"}
}

// readable tells whether a command's capabilities suffice to read the environment: that depends on the kernel too.
func readable(e *testutil.Earlier, needs []privilege.Need) bool {
	command := append(withCapabilities(needs), "cat", fmt.Sprintf("/proc/%d/environ", e.PID))
	out, err := exec.Command(command[0], command[1:]...).Output()
	return err == nil && strings.Contains(string(out), "MARK=here")
}

const nobody = 65534

// TestCapabilities: the least set is enough; without each one, what docs/privileges.md says is lost, and the log and the
// doctor say so.
func TestCapabilities(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	binary := testutil.BuildReleased(t)
	l := newLab(t, "k8s.io")
	dir := publicDir(t)
	file := filepath.Join(dir, "watched")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	rules := testutil.RulesFile(t, fmt.Sprintf(`
- rule: Watched
  desc: d
  condition: open_read and fd.name = %s
  output: mark=%%proc.env[MARK] uid=%%user.uid
  priority: NOTICE
`, file))
	doc, err := os.ReadFile("../../docs/privileges.md")
	if err != nil {
		t.Fatal(err)
	}
	all := privilege.Needs()
	for i := -1; i < len(all); i++ {
		name, needs := "none missing", all
		if i >= 0 {
			name, needs = "without "+all[i].Name, slices.Delete(slices.Clone(all), i, i+1)
		}
		t.Run(name, func(t *testing.T) {
			command := append(withCapabilities(needs), binary)
			report, failed := exec.Command(command[0], append(command[1:], "doctor", "-c", os.DevNull)...).CombinedOutput()
			if i >= 0 {
				n := all[i]
				if row := fmt.Sprintf("| `%s` | %s | %s |\n", n.Name, n.Use, n.Loss); !bytes.Contains(doc, []byte(row)) {
					t.Errorf("docs/privileges.md lacks the row\n%s", row)
				}
				if n.Vital {
					out, err := exec.Command(command[0], append(command[1:], "-c", os.DevNull)...).CombinedOutput()
					if err == nil || !strings.Contains(string(out), "no privilege (missing "+n.Name+")") {
						t.Errorf("the start: %v\n%s", err, out)
					}
					if failed == nil || !strings.Contains(string(report), "missing "+n.Name) {
						t.Errorf("the doctor: %v\n%s", failed, report)
					}
					return
				}
				if !strings.Contains(string(report), fmt.Sprintf("absent   %s: %s\n", n.Name, n.Loss)) {
					t.Errorf("the doctor does not tell:\n%s", report)
				}
			} else if strings.Contains(string(report), "absent   CAP_") {
				t.Errorf("the doctor misses something:\n%s", report)
			}
			if failed != nil {
				t.Errorf("the doctor: %v\n%s", failed, report)
			}
			missing := func(capability string) bool { return i >= 0 && all[i].Name == capability }
			theirs := filepath.Join(publicDir(t), "theirs.yaml")
			if err := os.WriteFile(theirs, []byte("- list: theirs\n  items: []\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(theirs, nobody, nobody); err != nil {
				t.Fatal(err)
			}
			if missing("CAP_DAC_READ_SEARCH") {
				out, err := exec.Command(command[0], append(command[1:], "-c", os.DevNull, "-r", theirs)...).CombinedOutput()
				if err == nil || !strings.Contains(string(out), theirs+": permission denied") {
					t.Errorf("a rule file of another user's: %v\n%s", err, out)
				}
				theirs = rules
			}
			roots, others := testutil.StartEarlier(t, 0, file), testutil.StartEarlier(t, nobody, file)
			args := append(command[1:], "-c", os.DevNull, "-o", "json_output=true", "-r", guide, "-r", theirs, "-r", rules, "-o", l.socket())
			s := testutil.LaunchSensor(t, command[0], args...)
			s.WaitLog("ready")
			for _, n := range all {
				if logged := strings.Contains(s.Log(), `a capability is missing	{"capability": "`+n.Name); logged != missing(n.Name) {
					t.Errorf("the log tells that %s is missing: %v\n%s", n.Name, logged, s.Log())
				}
			}
			opened := func(e *testutil.Earlier, uid string) {
				e.Open(t)
				a := s.Next("the open by "+uid, func(a *alert) bool { return a.Rule == "Watched" })
				if a.Field("user.uid") != uid {
					t.Errorf("alert of user %s, want %s", a.Field("user.uid"), uid)
				}
				if got, want := a.Field("proc.env[MARK]") == "here", readable(e, needs); got != want {
					t.Errorf("the environment of an earlier process of user %s is there: %v, want %v", uid, got, want)
				}
			}
			opened(roots, "0")
			opened(others, fmt.Sprint(nobody))
			if readable(others, needs) && missing("CAP_DAC_READ_SEARCH") || !readable(others, needs) && len(needs) == len(all) {
				t.Error("the environment of another user's process does not depend on CAP_DAC_READ_SEARCH")
			}
			id := testutil.HexID(name)
			l.Run(t, testutil.ContainerSpec{
				Namespace: "k8s.io", ID: id, Image: l.image, Labels: testutil.PodLabels("p", "n", "c"), Args: []string{"/bin/sh", "-c", "true"},
			})
			a := s.Next("the container's shell", func(a *alert) bool { return a.Rule == "Terminal shell in container" })
			if a.Field("container.name") != "c" || a.Field("container.image.tag") != "1.4" {
				t.Errorf("the container has no name: %s", a.Output)
			}
			if err := s.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			s.WaitLog("INFO	reloaded")
			openMany(t, file, 1)
			s.Next("an open after the reload", func(a *alert) bool { return a.Rule == "Watched" })
			s.Stop()
			if named := userIsNamed(t, l, command); named == missing("CAP_SYS_PTRACE") {
				t.Errorf("the user of a container that no runtime knows is named: %v", named)
			}
		})
	}
}

// userIsNamed tells whether the user of a container that no runtime knows gets a name, which is read from the root of its process.
func userIsNamed(t *testing.T, l *lab, command []string) bool {
	t.Helper()
	id := testutil.HexID(t.Name() + "unknown")
	args := append(slices.Clone(command[1:]), "-c", os.DevNull, "-o", "json_output=true", "-o",
		"container_engines.containerd.sockets[0]=/does/not/exist",
		"-r", testutil.RulesFile(t, fmt.Sprintf(`
- rule: True
  desc: d
  condition: evt.type = execve and proc.name = true and container.id = %s
  output: user=%%user.name uid=%%user.uid
  priority: NOTICE
`, id[:12])))
	s := testutil.LaunchSensor(t, command[0], args...)
	s.WaitLog("ready")
	c := l.Create(t, testutil.ContainerSpec{
		Namespace: "k8s.io", ID: id, Image: l.image, Args: []string{"/bin/sh", "-c", "while :; do /bin/true; /bin/sleep 0.2; done"},
		CgroupsPath: l.Cgroup + "/docker/" + id, Options: []oci.SpecOpts{oci.WithUIDGID(1000, 1000)},
	})
	c.Start(t)
	// It is asked for every few seconds; with the privilege the first answer suffices.
	named := false
	for range 30 {
		a := s.Next("an exec in the container", func(a *alert) bool { return a.Rule == "True" && a.Field("user.uid") == "1000" })
		if named = a.Field("user.name") == "app"; named {
			break
		}
	}
	c.Remove(t)
	s.Stop()
	return named
}

// TestDrop: after the start no thread has more than the least set, nor has a program of program_output; unless the configuration
// keeps it.
func TestDrop(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	binary := testutil.BuildReleased(t)
	file, saved := filepath.Join(t.TempDir(), "watched"), filepath.Join(t.TempDir(), "saved")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	rules := testutil.RulesFile(t,
		fmt.Sprintf("- rule: Watched\n  desc: d\n  condition: open_read and fd.name = %s\n  output: o\n  priority: NOTICE\n", file))
	held, err := privilege.Held()
	if err != nil {
		t.Fatal(err)
	}
	for _, drop := range []bool{true, false} {
		if err := syscall.Mkfifo(saved, 0o600); err != nil {
			t.Fatal(err)
		}
		s := testutil.StartSensor(t, binary, "-r", rules, "-o", fmt.Sprint("privileges.drop=", drop), "-o", "program_output.enabled=true",
			"-o", "program_output.keep_alive=true", "-o", "program_output.program=grep -E '^Cap|^NoNewPrivs' /proc/self/status > "+saved+
				"; cat > /dev/null")
		openMany(t, file, 1)
		// For reading and writing, so that the open does not wait for the program; the first read does.
		pipe, err := os.OpenFile(saved, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := pipe.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		program := make([]byte, 4096)
		n, err := pipe.Read(program)
		pipe.Close()
		if err != nil {
			t.Fatalf("read what the program has: %v", err)
		}
		threads := []string{string(program[:n])}
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", s.Cmd.Process.Pid))
		if err != nil || len(tasks) < 4 {
			t.Fatalf("threads %v, %v", tasks, err)
		}
		for _, task := range tasks {
			text, err := os.ReadFile(task)
			if err != nil {
				continue // a thread may end
			}
			threads = append(threads, string(text))
		}
		want, bounding := privilege.Needed(), privilege.Needed()
		if !drop {
			want, bounding = held, held
		}
		for _, status := range threads {
			for name, set := range map[string]privilege.Set{"CapInh": 0, "CapPrm": want, "CapEff": want, "CapBnd": bounding, "CapAmb": 0} {
				if line := fmt.Sprintf("%s:\t%016x\n", name, uint64(set)); !strings.Contains(status, line) {
					t.Errorf("drop %v: no line %q in\n%s", drop, line, status)
				}
			}
			if dropped := strings.Contains(status, "NoNewPrivs:\t1"); dropped != drop {
				t.Errorf("drop %v: no-new-privileges is %v", drop, dropped)
			}
		}
		s.Stop()
		if logged := strings.Contains(s.Log(), "privileges dropped"); logged != drop {
			t.Errorf("drop %v: the log tells of it: %v\n%s", drop, logged, s.Log())
		}
		if err := os.Remove(saved); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMemoryLimit: the tightest limit of the sensor's cgroup and those above it bounds Go's heap, unless the user has bounded it.
func TestMemoryLimit(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: it makes cgroups")
	}
	mount, file := "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
	var st unix.Statfs_t
	if unix.Statfs("/sys/fs/cgroup", &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC {
		mount, file = "/sys/fs/cgroup", "memory.max"
		if text, _ := os.ReadFile(mount + "/cgroup.subtree_control"); !strings.Contains(string(text), "memory") {
			t.Skip("needs the memory controller, which is off in /sys/fs/cgroup/cgroup.subtree_control")
		}
	} else if _, err := os.Stat(mount + "/tasks"); err != nil {
		t.Skipf("needs the memory controller of cgroup version 1: %v", err)
	}
	name := "saker-memory-" + fmt.Sprint(os.Getpid())
	outer, inner := filepath.Join(mount, name), filepath.Join(mount, name, "inner")
	if err := os.MkdirAll(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := testutil.RemoveCgroups(name); err != nil {
			t.Error(err)
		}
	})
	if mount == "/sys/fs/cgroup" {
		if err := os.WriteFile(filepath.Join(outer, "cgroup.subtree_control"), []byte("+memory"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const limit = 256 << 20
	for dir, bytes := range map[string]int{outer: limit, inner: 2 * limit} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(fmt.Sprint(bytes)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, own := range []bool{false, true} {
		script := "echo $$ > " + inner + "/cgroup.procs && exec"
		if own {
			script += " env GOMEMLIMIT=1GiB"
		}
		s := testutil.LaunchSensor(t, "sh", "-c", script+` "$0" "$@"`, sensorBinary, "-c", os.DevNull)
		s.WaitLog("ready")
		_, after, found := strings.Cut(s.Log(), "memory limit of the sensor's cgroup\t")
		if found == own {
			t.Errorf("GOMEMLIMIT set: %v; the log:\n%s", own, s.Log())
		}
		var reported struct{ Limit, Maps, Gomemlimit int }
		if found {
			if _, err := fmt.Sscanf(after, `{"limit": %d, "maps": %d, "gomemlimit": %d}`, &reported.Limit, &reported.Maps,
				&reported.Gomemlimit); err != nil {
				t.Errorf("%v: %s", err, after)
			}
			if reported.Limit != limit || reported.Maps < 12<<20 || reported.Gomemlimit != (limit-reported.Maps)*9/10 {
				t.Errorf("%+v", reported)
			}
		}
		s.Stop()
	}
}
