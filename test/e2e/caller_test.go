package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/testutil"
)

const callerRules = `
- rule: by socket
  desc: d
  condition: evt.type in (execve, execveat) and proc.stdin.type = unix and proc.args contains CALLER
  output: >
    %proc.stdin.name %proc.stdout.type %proc.stdout.name %proc.fdopencount %proc.nthreads %proc.vmsize %thread.cgroups %evt.arg.vm_size
    %fd.types
  priority: NOTICE
`

// TestCallerFields: a rule sees what a program's standard input is, and its alert what the program uses; a reload may be the first
// that asks.
func TestCallerFields(t *testing.T) {
	dir := t.TempDir()
	rules := filepath.Join(dir, "rules.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(rules, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("- rule: other\n  desc: d\n  condition: evt.type = procexit and proc.name = nobody\n  output: x\n  priority: NOTICE\n")
	s := startSensor(t, "-r", rules)
	write(strings.ReplaceAll(callerRules, "CALLER", dir))
	s.WaitLog("reloaded")

	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[1])
	socket := os.NewFile(uintptr(pair[0]), "socket")
	defer socket.Close()
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	for _, in := range []*os.File{nil, socket} { // nil is /dev/null
		cmd := exec.Command("/bin/true", dir)
		cmd.Stdout = out
		if in != nil {
			cmd.Stdin = in
		}
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
	}
	a := s.Next("an exec with a socket", func(a *testutil.Alert) bool { return a.Rule == "by socket" })
	if got := a.Field("proc.stdin.name"); !strings.Contains(got, "->") {
		t.Errorf("proc.stdin.name is %q", got)
	}
	for field, want := range map[string]string{
		"proc.stdout.type": "file", "proc.stdout.name": out.Name(), "proc.nthreads": "1", "evt.arg.vm_size": a.Field("proc.vmsize"),
	} {
		if got := a.Field(field); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	// The program may have inherited more than the three.
	if got := a.Field("fd.types"); !strings.Contains(got, "file") || !strings.Contains(got, "unix") {
		t.Errorf("fd.types is %q", got)
	}
	if n, _ := a.OutputFields["proc.fdopencount"].(float64); n < 3 {
		t.Errorf("proc.fdopencount is %v", n)
	}
	if got := a.Field("thread.cgroups"); !strings.Contains(got, "memory=/") {
		t.Errorf("thread.cgroups is %q", got)
	}
	for _, a := range s.Stop() {
		t.Errorf("another alert: %v", a.OutputFields)
	}
}
