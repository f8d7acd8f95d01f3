// Package oracle compares, line by line, what the sensor says of a program's known calls with what Falco said of them.
package oracle

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/testutil"
)

var sensorBinary string

func TestMain(m *testing.M) { testutil.RunWithSensor(m, &sensorBinary) }

// Falco was asked in this folder, with the program at this path, with these limits of descriptors and of the stack, and with this
// descriptor open besides the first three.
const (
	falcoFolder  = "/tmp/ow"
	falcoProgram = "/tmp/oraclecalls"
	falcoFDLimit = "20000"
	falcoStack   = "8388608:" // in bytes; the hard limit stays as it is
	falcoFD      = 10
)

// fields are those of one event, each as JSON text; a field without a value is left out.
type fields map[string]string

// TestKnownCalls compares all events of captured types. A difference that is in no row of the table is a failure, and so is a row
// with a type or a field that no event needs. A type that the sensor begins to capture is compared from then on.
func TestKnownCalls(t *testing.T) {
	falco := readFalco(t, testutil.Shared(t, "oracle/falco-0.44.1.jsonl"))
	sensor := runSensor(t, testutil.Shared(t, "oracle/each-event.yaml"), testutil.Shared(t, "oracle/calls.c"))

	seen, alike, all, differ := 0, 0, 0, 0
	used := map[need]bool{}
	for _, name := range sortedKeys(falco) {
		typ, ok := event.TypeByName(name)
		if !ok || !typ.Captured() {
			continue
		}
		seen++
		want, got := falco[name], sensor[name]
		if len(want) != len(got) && !allowed(used, name, "events", fmt.Sprint(len(want)), fmt.Sprint(len(got))) {
			t.Errorf("%s: %d events in Falco, %d here", name, len(want), len(got))
			continue
		}
		for i := range min(len(want), len(got)) {
			a, b := parts(typ, want[i]), parts(typ, got[i])
			for _, field := range union(a, b) {
				if isVolatile(field) {
					continue
				}
				all++
				switch {
				case a[field] == b[field]:
					alike++
				case allowed(used, name, field, a[field], b[field]):
					differ++
				default:
					t.Errorf("%s %d: %s: Falco says %s, the sensor %s\n\t%s", name, i, field, or(a[field]), or(b[field]),
						want[i]["evt.args"])
				}
			}
		}
	}
	for i, d := range differences {
		if d.why == machine {
			continue // two runs may be alike by chance
		}
		for typ := range strings.FieldsSeq(d.types) {
			for field := range strings.FieldsSeq(d.fields) {
				if !used[need{i, typ, field}] {
					t.Errorf("no %s of %s differs by %+v", field, typ, d)
				}
			}
		}
	}
	t.Logf("%d of %d values alike, %d differ by a row of the table; %d of %d event types seen", alike, all, differ, seen, len(falco))
}

func or(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// need is a row of the table, by its number, and what needed it.
type need struct {
	row        int
	typ, field string
}

func allowed(used map[need]bool, typ, field, falco, sensor string) bool {
	found := false
	for i, d := range differences {
		if d.fits(typ, field, falco, sensor) {
			used[need{i, typ, field}] = true
			found = true // another row may have another reason for the same values
		}
	}
	return found
}

// readFalco reads Falco's events by type, in their order.
func readFalco(t *testing.T, path string) map[string][]fields {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	events := map[string][]fields{}
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var values map[string]any
		if err := json.Unmarshal(sc.Bytes(), &values); err != nil {
			t.Fatalf("read Falco's events: %v", err)
		}
		add(t, events, values)
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return events
}

func add(t *testing.T, events map[string][]fields, values map[string]any) {
	t.Helper()
	of := fields{}
	for name, v := range values {
		if v == nil {
			continue
		}
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
		of[name] = strings.TrimSpace(b.String())
	}
	typ := strings.Trim(of["evt.type"], `"`)
	if typ == "execveat" && of["evt.rawres"] == "0" {
		typ = "execve" // what Falco calls it; it still is a difference
	}
	events[typ] = append(events[typ], of)
}

// takePort binds the program's port of IPv6 without listening: it was taken when Falco was asked.
func takePort(t *testing.T) {
	t.Helper()
	s, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("make an IPv6 socket: %v", err)
	}
	t.Cleanup(func() { _ = unix.Close(s) })
	if err := unix.Bind(s, &unix.SockaddrInet6{Port: 34568, Addr: [16]byte{15: 1}}); err != nil {
		t.Fatalf("bind [::1]:34568: %v", err)
	}
}

// makeSemaphores puts the test's thread, and so the program, into an IPC namespace with as many sets of semaphores as there were beside
// Falco: the program asks for the one with the number 0. They end with the thread, which the test's goroutine keeps.
func makeSemaphores(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWIPC); err != nil {
		t.Fatalf("make an IPC namespace: %v", err)
	}
	for want := range uintptr(6) {
		set, _, errno := unix.RawSyscall(unix.SYS_SEMGET, unix.IPC_PRIVATE, 1, unix.IPC_CREAT|0o600)
		if errno != 0 || set != want {
			t.Fatalf("make a set of semaphores: number %d, not %d: %v", set, want, errno)
		}
	}
}

// makeFile makes an empty file for the program to write to: Falco saw it write to files.
func makeFile(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// rwRule writes the rule a second time, for the calls that a rule has to name.
func rwRule(t *testing.T, rule string) string {
	t.Helper()
	text, err := os.ReadFile(rule)
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, r := range call.New().Rows() {
		if r.Bulk {
			named = append(named, r.Name)
		}
	}
	changed := strings.Replace(string(text), "rule: each event", "rule: each read and write", 1)
	changed = strings.Replace(changed, "not evt.type in (switch, page_fault)", "evt.type in ("+strings.Join(named, ", ")+")", 1)
	path := filepath.Join(t.TempDir(), "reads.yaml")
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// runSensor runs the known calls below a sensor and returns its events by type, in the order of their times.
func runSensor(t *testing.T, rule, source string) map[string][]fields {
	t.Helper()
	dir := t.TempDir()
	program, folder := filepath.Join(dir, "oraclecalls"), filepath.Join(dir, "ow")
	if out, err := exec.Command("gcc", "-O1", "-static", "-w", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("compile the known calls: %v; make test installs gcc\n%s", err, out)
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	takePort(t)
	s := testutil.StartSensor(t, sensorBinary, "-r", rule, "-r", rwRule(t, rule), "-o", "priority=debug")
	// Numbers of descriptors are compared: the program has those that it had beside Falco, and none that this test has inherited.
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		t.Fatalf("keep the descriptors from the program: %v", err)
	}
	// prlimit executes the program itself, so that the pid is the program's.
	cmd := exec.Command("prlimit", "--nofile="+falcoFDLimit+":"+falcoFDLimit, "--stack="+falcoStack, "--", program, folder)
	cmd.ExtraFiles = make([]*os.File, falcoFD-2)
	cmd.ExtraFiles[falcoFD-3] = null
	makeSemaphores(t)
	cmd.Dir, cmd.Env = folder, []string{"PATH=/usr/bin:/bin", "HOME=/root", "LANG=C"}
	output := filepath.Join(dir, "stdout")
	cmd.Stdout, cmd.Stderr = makeFile(t, output), makeFile(t, filepath.Join(dir, "stderr"))
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(output)
		t.Fatalf("make the known calls: %v\n%s", err, text)
	}
	pid := fmt.Sprint(cmd.Process.Pid)

	alerts := s.Stop()
	slices.SortStableFunc(alerts, func(a, b *testutil.Alert) int { return a.Time.Compare(b.Time) })
	// The folder has the name of Falco's, whatever it is called here.
	place := strings.NewReplacer(folder, falcoFolder, program, falcoProgram, dir, "/tmp")
	events := map[string][]fields{}
	for _, a := range alerts {
		if a.Field("proc.pid") != pid && a.Field("proc.ppid") != pid {
			continue // the rule is about names that others have too
		}
		for name, v := range a.OutputFields {
			if text, ok := v.(string); ok {
				a.OutputFields[name] = place.Replace(text)
			}
		}
		add(t, events, a.OutputFields)
	}
	return events
}
