// Package narrow compares what a sensor says whose kernel programs leave out what no rule can match with what one says that gets all.
package narrow

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/containerd/containerd/v2/pkg/oci"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/testutil"
)

var sensorBinary string

func TestMain(m *testing.M) { testutil.RunWithSensor(m, &sensorBinary) }

// rules are about the files of the worker's, by every way to ask for a name that the kernel's side knows, and some that it does not.
const rules = `
- macro: opened
  condition: evt.type in (open, openat, openat2, creat)
- list: sensitive
  items: [$R/etc/shadow, $R/etc/passwd]
- rule: whole
  condition: opened and fd.name in (sensitive)
- rule: whole, written
  condition: opened and evt.is_open_write = true and fd.name = $R/etc/plain
- rule: failed
  condition: opened and evt.failed = true and fd.name startswith $R/home/
- rule: below
  condition: opened and evt.rawres >= 0 and fd.name startswith $R/etc/pam.d/
- rule: below, not at a slash
  condition: opened and evt.rawres >= 0 and fd.name startswith $R/lo
- rule: tail
  condition: opened and fd.name endswith release_agent and not proc.name in (cat, nginx)
- rule: component
  condition: opened and fd.name contains "/.ssh/" and user.uid = 0
- rule: directory
  condition: opened and fd.directory in ($R/bin, $R/log)
- rule: last
  condition: opened and evt.rawres >= 0 and fd.filename in (abcdefgh, id_rsa) and proc.pname != nginx
- rule: raw
  condition: opened and evt.rawres >= 0 and fd.nameraw contains "../" and fd.name startswith $R/etc/
- rule: pattern
  condition: opened and fd.name glob $R/*/passwd and container.id = host
- rule: in a container
  condition: opened and fd.name endswith /plain and container.id != host
- rule: either
  condition: (opened and fd.name = $R/etc/hard) or (evt.type = creat and proc.name = sshd) or (evt.type = mkdir and evt.failed = true)
- rule: removed
  condition: evt.type in (unlink, unlinkat, rename, renameat, renameat2) and evt.failed = false and proc.name in (cat, worker)
- rule: socket
  condition: evt.type = socket and evt.arg.domain contains AF_PACKET and user.uid = 0
- rule: connect
  condition: evt.type = connect and fd.sip = 127.0.0.2 and not proc.name = nginx
- rule: dup
  condition: evt.type in (dup, dup2, dup3) and fd.type in (unix) and proc.aname = worker
`

const (
	namespace = "k8s.io"
	image     = "registry.example.org/team/narrow:1"
)

// plainOpens is how often a file is opened that no rule is about.
const plainOpens = 10_000

// plant makes the worker's folder: a symbolic link, a hard link, a part of it mounted elsewhere, and another file system.
func plant(t *testing.T) string {
	t.Helper()
	root := openFolder(t)
	for _, dir := range []string{"etc", "etc/pam.d", "log", "home", "home/.ssh", "bin", "bound", "whole"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"shadow", "passwd", "plain", "id_rsa", "release_agent", "abcdefgh"} {
			if err := os.WriteFile(filepath.Join(root, dir, file), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	must(t, os.Symlink("etc", filepath.Join(root, "link")))
	must(t, os.Link(filepath.Join(root, "etc/shadow"), filepath.Join(root, "log/hard")))
	must(t, unix.Mount(filepath.Join(root, "etc"), filepath.Join(root, "bound"), "", unix.MS_BIND, ""))
	t.Cleanup(func() { _ = unix.Unmount(filepath.Join(root, "bound"), unix.MNT_DETACH) })
	must(t, unix.Mount("tmpfs", filepath.Join(root, "whole"), "tmpfs", 0, ""))
	t.Cleanup(func() { _ = unix.Unmount(filepath.Join(root, "whole"), unix.MNT_DETACH) })
	return root
}

// openFolder is a temporary folder that every user may enter.
func openFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o755))
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ruleFiles are this test's rules and, where they are at hand, the published ones.
func ruleFiles(t *testing.T, root string) []string {
	t.Helper()
	var text strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(rules, "$R", root)) {
		text.WriteString(line)
		if strings.Contains(line, "- rule:") {
			text.WriteString("  desc: d\n  priority: NOTICE\n" +
				"  output: name=%fd.name raw=%fd.nameraw type=%evt.type res=%evt.res pid=%proc.pid tid=%thread.tid user=%user.uid args=%evt.args\n")
		}
	}
	files := []string{"-r", testutil.RulesFile(t, text.String())}
	published, _ := filepath.Glob(filepath.Join(testutil.Shared(t, "upstream-rules"), "*.yaml"))
	for _, f := range published {
		files = append(files, "-r", f)
	}
	return files
}

// TestNoAlertDiffers: two sensors see the same calls at the same time, and say the same.
func TestNoAlertDiffers(t *testing.T) {
	testutil.Alone(t)
	root := plant(t)
	worker := filepath.Join(openFolder(t), "worker")
	build := exec.Command("go", "build", "-o", worker, "./worker")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the worker: %v\n%s", err, out)
	}
	must(t, os.Mkdir(filepath.Join(root, "jail"), 0o755))
	must(t, exec.Command("cp", "-a", worker, filepath.Join(root, "etc"), filepath.Join(root, "log"), filepath.Join(root, "jail")).Run())
	runtime := testutil.StartContainerd(t)
	runtime.ImportBusybox(t, namespace, image)
	flags := append(ruleFiles(t, root), "-o", "rule_matching=all", "-o", "priority=debug",
		"-o", "container_engines.containerd.sockets[0]="+runtime.Socket)
	all := testutil.StartSensor(t, sensorBinary, append(slices.Clone(flags), "--no-narrow")...)
	narrowed := testutil.StartSensor(t, sensorBinary, flags...)

	for seed := range 12 {
		cmd := exec.Command(worker, root, strconv.Itoa(seed), "400")
		switch seed % 4 {
		case 1:
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
		case 2: // another mount namespace, of the same places
			cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		case 3: // a root directory of its own
			cmd = exec.Command("/worker", "/", strconv.Itoa(seed), "400")
			cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: filepath.Join(root, "jail")}
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("run the worker: %v\n%s", err, out)
		}
	}
	// In a container: its own root, and a part of the host's.
	for i, folder := range []string{"/jail", root} {
		_, code := runtime.Run(t, testutil.ContainerSpec{
			Namespace: namespace, ID: fmt.Sprintf("narrow-%d", i), Image: image,
			Args: []string{"sh", "-c", fmt.Sprintf("mkdir -p /jail && cp -a %[1]s/etc %[1]s/log /jail; /worker %[2]s %[3]d 400", root, folder, i)},
			Options: []oci.SpecOpts{oci.WithMounts([]specs.Mount{
				{Destination: root, Type: "bind", Source: root, Options: []string{"rbind", "rw"}},
				{Destination: "/worker", Type: "bind", Source: worker, Options: []string{"bind", "ro"}},
			})},
		})
		if code != 0 {
			t.Fatalf("the worker in a container ended with %d", code)
		}
	}
	// And a file that no rule is about.
	plain := filepath.Join(openFolder(t), "file")
	must(t, os.WriteFile(plain, nil, 0o600))
	for range plainOpens {
		f, err := os.Open(plain)
		must(t, err)
		must(t, f.Close())
	}
	want, got := alertsOf(all.Stop(), root), alertsOf(narrowed.Stop(), root)
	if diff := differing(want, got); diff != "" {
		t.Errorf("alerts without narrowing (-) and with it (+):\n%s", diff)
	}
	kinds := map[string]bool{}
	for _, a := range want {
		rule, _, _ := strings.Cut(a, "|")
		kinds[rule] = true
	}
	t.Logf("%d alerts of %d rules; records %d without narrowing, %d with it", len(want), len(kinds), records(t, all), records(t, narrowed))
	if len(want) < 1000 || len(kinds) < 15 {
		t.Errorf("%d alerts of %d rules: too few to show anything", len(want), len(kinds))
	}
	// Others work on this machine, too.
	if less := records(t, all) - records(t, narrowed); less < plainOpens*8/10 {
		t.Errorf("narrowing spares %d records of %d opens of a file that no rule is about", less, plainOpens)
	}
}

// differing lists what stands more often in one of two sorted lists, whole: - of the first, + of the second.
func differing(want, got []string) string {
	var b strings.Builder
	for len(want) > 0 || len(got) > 0 {
		switch {
		case len(got) == 0 || len(want) > 0 && want[0] < got[0]:
			b.WriteString("- " + want[0] + "\n")
			want = want[1:]
		case len(want) == 0 || got[0] < want[0]:
			b.WriteString("+ " + got[0] + "\n")
			got = got[1:]
		default:
			want, got = want[1:], got[1:]
		}
	}
	return b.String()
}

// alertsOf are the alerts about the worker's processes, as texts. What counts events or time differs between two sensors. So does the
// moment from which each knows which file a watched name means: it looks every few seconds.
func alertsOf(alerts []*testutil.Alert, root string) []string {
	var texts []string
	for _, a := range alerts {
		text, err := json.Marshal(a.OutputFields)
		if err != nil {
			panic(err)
		}
		if !strings.Contains(string(text), "worker") && !strings.Contains(string(text), root) || a.Field("fd.name.matched") == "watched" {
			continue
		}
		for _, volatile := range []string{"evt.time", "evt.num", "evt.datetime", "evt.time.iso8601", "evt.rawtime"} {
			delete(a.OutputFields, volatile)
		}
		text, _ = json.Marshal(a.OutputFields)
		texts = append(texts, fmt.Sprintf("%s|%s", a.Rule, text))
	}
	slices.Sort(texts)
	return texts
}

// records is how many the kernel sent, by the sensor's last words.
func records(t *testing.T, s *testutil.Sensor) int {
	t.Helper()
	_, rest, ok := strings.Cut(s.Log(), "records from the kernel: ")
	number, _, _ := strings.Cut(rest, ")")
	n, err := strconv.Atoi(number)
	if !ok || err != nil {
		t.Fatalf("find the number of records in the exit text: %v\n%s", err, s.Log())
	}
	return n
}
