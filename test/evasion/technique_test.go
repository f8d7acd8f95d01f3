package evasion

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/testutil"
)

// technique is one way past a rule.
//
// Each has a folder of its own with the file "secret", the program "payload" (busybox) and the script "script". In
// rules and expected fields, DIR stands for the folder, INO for the secret's inode number, PAYLOAD_INO for the payload's.
type technique struct {
	name string
	// do is the attack. It runs in a process of its own; errSkip skips the test.
	do   func(dir string) error
	want []expectation
}

// expectation is a rule, and what it is to say of the technique.
type expectation struct {
	// rule is a condition as people write it for Falco.
	rule string
	// alert holds fields of an alert that has to come; a "*" in a value stands for any text.
	alert map[string]string
	// gap says why no alert comes; empty if one has to.
	gap string
}

// The condition that most techniques try to get past, and the file it is about.
const (
	secretRead = "open_read and fd.name = DIR/secret"
	payloadRun = "spawned_process and proc.exepath = DIR/payload"
)

// seen expects an alert of a rule, by fields written "name=value".
func seen(rule string, fields ...string) expectation {
	e := expectation{rule: rule, alert: map[string]string{}}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		e.alert[name] = value
	}
	return e
}

// gap expects a rule not to fire.
func gap(rule, why string) expectation { return expectation{rule: rule, gap: why} }

// Exit codes of an attack: one that can't be made on this machine, and one that failed. It may end by executing a
// program, whose code is of no interest.
const (
	skipCode = 77
	failCode = 78
)

func skip(why string) error {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(skipCode)
	return nil
}

// fields are shown by each rule.
var fields = []string{
	"evt.type", "evt.res", "evt.truncated", "evt.unverified", "evt.name_changed", "evt.is_io_uring", "evt.arg.filename", "fd.name",
	"fd.name.given", "fd.name.resolved",
	"fd.name.source", "fd.name.watched", "fd.name.exit", "fd.name.matched",
	"proc.name", "proc.exe", "proc.exepath", "proc.args", "proc.script", "proc.pname", "proc.is_exe_from_memfd", "user.uid", "proc.pid",
	"proc.vpid", "evt.rawres", "evt.arg.flags", "evt.arg.nstype", "fs.path.name", "fs.path.source", "fs.path.target", "fd.type",
	"fd.l4proto", "fd.sip", "fd.sport",
}

// stage is a sensor with the rules of several techniques.
type stage struct {
	t      *testing.T
	base   string
	sensor *testutil.Sensor
	marks  int
}

// try carries out every technique under one sensor, each as a subtest.
func try(t *testing.T, techniques []technique) {
	if os.Getuid() != 0 {
		t.Skip("needs root: the sensor loads BPF programs")
	}
	s := &stage{t: t, base: base(t)}
	var rules strings.Builder
	add := func(name, condition string) {
		fmt.Fprintf(&rules, "- rule: %q\n  desc: d\n  condition: >\n    %s\n  output: %q\n  priority: NOTICE\n",
			name, condition, "%"+strings.Join(fields, " %"))
	}
	add("marker open", "evt.type = openat and fd.name startswith "+s.base+"/marker-")
	add("marker exec", "spawned_process and proc.args startswith "+s.base+"/marker-")
	for _, tt := range techniques {
		dir := s.dir(tt.name)
		prepare(t, dir)
		fill := filler(t, dir)
		for i, e := range tt.want {
			add(ruleName(tt.name, i), fill(e.rule))
		}
	}
	s.sensor = testutil.StartSensor(t, sensorBinary, "-r", testutil.RulesFile(t, rules.String()), "-o", "rule_matching=all",
		"-o", "container_engines.containerd.enabled=false")
	for _, tt := range techniques {
		t.Run(tt.name, func(t *testing.T) { s.run(t, tt) })
	}
	s.sensor.Stop()
}

func ruleName(technique string, i int) string { return fmt.Sprintf("%s %d", technique, i) }

// base is a folder that any user may enter.
func base(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "saker-evasion-")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

func (s *stage) dir(technique string) string {
	return filepath.Join(s.base, strings.NewReplacer(" ", "-", "/", "", ",", "").Replace(technique))
}

func prepare(t *testing.T, dir string) {
	t.Helper()
	must(t, os.Mkdir(dir, 0o755))
	must(t, os.WriteFile(dir+"/secret", []byte("root:x\n"), 0o644))
	must(t, os.WriteFile(dir+"/script", []byte("#!/usr/bin/busybox sh\ntrue\n"), 0o755))
	busybox, err := exec.LookPath("busybox")
	must(t, err)
	must(t, copyFile(busybox, dir+"/payload"))
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// filler puts a technique's names into a text.
func filler(t *testing.T, dir string) func(string) string {
	t.Helper()
	ino := func(name string) string {
		var st unix.Stat_t
		must(t, unix.Stat(dir+"/"+name, &st))
		return fmt.Sprint(st.Ino)
	}
	return strings.NewReplacer("DIR", dir, "PAYLOAD_INO", ino("payload"), "INO", ino("secret")).Replace
}

func (s *stage) run(t *testing.T, tt technique) {
	fill := filler(t, s.dir(tt.name))
	cmd := exec.Command("/proc/self/exe", s.dir(tt.name))
	cmd.Env = append(os.Environ(), attackVar+"="+tt.name, folderVar+"="+s.dir(tt.name), "GORACE=atexit_sleep_ms=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch code := cmd.ProcessState.ExitCode(); {
	case err != nil && !errors.As(err, &exit), code == failCode, code < 0, strings.Contains(stderr.String(), "panic: "):
		t.Fatalf("the attack failed: %v\n%s", err, stderr.String())
	case code == skipCode:
		t.Skip(strings.TrimSpace(stderr.String()))
	}
	alerts := s.upToNow(t)
	for i, e := range tt.want {
		var of []*testutil.Alert
		for _, a := range alerts {
			if a.Rule == ruleName(tt.name, i) {
				of = append(of, a)
			}
		}
		switch {
		case e.gap != "" && len(of) > 0:
			t.Errorf("a known gap (%s) is closed: correct this test and docs/evasions.md. Rule: %s\n%s", e.gap, fill(e.rule), of[0].Output)
		case e.gap != "":
			t.Logf("known gap: %s", e.gap)
		default:
			check(t, e, fill, of)
		}
	}
	if t.Failed() {
		for _, a := range alerts {
			t.Logf("%s: %v", a.Rule, a.OutputFields)
		}
	}
}

// check looks for one alert that has all the expected fields.
func check(t *testing.T, e expectation, fill func(string) string, alerts []*testutil.Alert) {
	t.Helper()
	var near string
	for _, a := range alerts {
		var wrong []string
		for name, want := range e.alert {
			want = fill(want)
			got := a.Field(name)
			if !like(got, want) {
				wrong = append(wrong, fmt.Sprintf("%s is %q, want %q", name, got, want))
			}
		}
		if len(wrong) == 0 {
			return
		}
		near = strings.Join(wrong, ", ")
	}
	t.Errorf("no such alert of the rule: %s\n%d others came, the last one: %s", fill(e.rule), len(alerts), near)
}

// like compares with a text in which one "*" may stand for any other.
func like(got, want string) bool {
	before, after, any := strings.Cut(want, "*")
	if !any {
		return got == want
	}
	return len(got) >= len(before)+len(after) && strings.HasPrefix(got, before) && strings.HasSuffix(got, after)
}

// upToNow returns the alerts on all that has happened so far. It makes an event for each ring, whose alerts come after
// those of everything before.
func (s *stage) upToNow(t *testing.T) []*testutil.Alert {
	t.Helper()
	s.marks++
	marker := fmt.Sprintf("%s/marker-%d.", s.base, s.marks)
	_, err := unix.Openat(unix.AT_FDCWD, marker, unix.O_RDONLY, 0)
	if !errors.Is(err, unix.ENOENT) {
		t.Fatalf("open a marker: %v", err)
	}
	must(t, exec.Command("true", marker).Run())
	var alerts []*testutil.Alert
	for open, exec := false, false; !open || !exec; {
		a := s.sensor.Next("the marker", func(*testutil.Alert) bool { return true })
		switch {
		case a.Rule == "marker open" && a.Field("fd.name") == marker:
			open = true
		case a.Rule == "marker exec" && a.Field("proc.args") == marker:
			exec = true
		default:
			alerts = append(alerts, a)
		}
	}
	return alerts
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run executes a program and waits; what it returns is of no interest, as long as it ran.
func run(attr *syscall.SysProcAttr, path string, argv ...string) error {
	cmd := exec.Command(path)
	cmd.Args, cmd.SysProcAttr, cmd.Stderr = argv, attr, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

// read opens a file for reading, as any program would.
func read(path string) error {
	fd, err := unix.Openat(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	return unix.Close(fd)
}
