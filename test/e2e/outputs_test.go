package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/testutil"
)

// numbered is a rule about files of a directory, whose alerts are told apart by the file.
func numbered(t *testing.T, dir string) string {
	return testutil.RulesFile(t, fmt.Sprintf(`
- rule: Numbered
  desc: d
  condition: evt.type = openat and fd.name startswith %s/n
  output: opened %%fd.name
  priority: NOTICE
`, dir))
}

// openNumbered makes one alert for each number.
func openNumbered(t *testing.T, dir string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		file := fmt.Sprintf("%s/n%d", dir, i)
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func waitFor(t *testing.T, what string, met func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !met(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// posts keeps what is posted, in order.
type posts struct {
	mu   sync.Mutex
	got  []string
	fail int
}

func (p *posts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail > 0 {
		p.fail--
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	p.got = append(p.got, string(body))
}

func (p *posts) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.got)
}

// TestHTTPOutage: the server is away at the start, then fails for a while. It gets every alert, in order; standard output
// does not wait for it; the log says what is the matter, once.
func TestHTTPOutage(t *testing.T) {
	const n = 50
	dir := t.TempDir()
	at := testutil.FreeAddress(t)
	s := startSensor(t, "-r", numbered(t, dir), "-o", "rule_matching=all", "-o", "http_output.enabled=true", "-o",
		"http_output.url=http://"+at+"/")
	openNumbered(t, dir, 0, n)
	for i := range n {
		s.Next(fmt.Sprint("standard output, ", i), func(a *testutil.Alert) bool { return a.Field("fd.name") == fmt.Sprintf("%s/n%d", dir, i) })
	}
	s.WaitLog("an output does not deliver")
	listener, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	p := &posts{fail: 3}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: p}}
	server.Start()
	defer server.Close()
	waitFor(t, "all alerts posted", func() bool { return p.count() == n })
	s.WaitLog("an output delivers again")
	s.Stop()
	// The last one is the sensor's own, about the signal that ended it.
	if len(p.got) != n+1 {
		t.Fatalf("%d alerts were posted", len(p.got))
	}
	for i, body := range p.got[:n] {
		if a := s.Parse(body); a.Field("fd.name") != fmt.Sprintf("%s/n%d", dir, i) {
			t.Errorf("post %d is about %s", i, a.Field("fd.name"))
		}
	}
	for _, want := range []string{
		"Alerts: 102 written, 0 dropped (queue full), 0 failed (sink error)\n",
		"   stdout: 51 written, 0 dropped (queue full), 0 failed (sink error)\n",
		"   http: 51 written, 0 dropped (queue full), 0 failed (sink error)\n",
	} {
		if !strings.Contains(s.Log(), want) {
			t.Errorf("the exit text lacks %q:\n%s", want, s.Log())
		}
	}
	if said := strings.Count(s.Log(), "an output does not deliver"); said != 1 {
		t.Errorf("the log says %d times that the server is away", said)
	}
}

// TestHTTPNeverThere: alerts for a server that never comes are counted at the end, and the others are not kept waiting.
func TestHTTPNeverThere(t *testing.T) {
	dir := t.TempDir()
	s := startSensor(t, "-r", numbered(t, dir), "-o", "http_output.enabled=true", "-o", "http_output.url=http://127.0.0.1:1/",
		"-o", "outputs_queue.capacity=10")
	var drop *testutil.Alert
	isDrop := func(a *testutil.Alert) bool {
		if a.Rule == "Saker internal: output queue full" {
			drop = a
		}
		return drop != nil
	}
	for i := range 40 { // one by one, so that standard output's queue of 10 is never full
		openNumbered(t, dir, i, i+1)
		s.Next("an alert on standard output", func(a *testutil.Alert) bool {
			isDrop(a)
			return a.Field("fd.name") == fmt.Sprintf("%s/n%d", dir, i)
		})
	}
	if drop == nil {
		s.Next("the alert about the full queue", isDrop)
	}
	if drop.Field("output") != "http" || !strings.Contains(drop.Field("last_error"), "refused") {
		t.Errorf("it says %v", drop.OutputFields)
	}
	for _, name := range []string{"n_dropped", "n_written", "n_waiting"} {
		if _, ok := drop.OutputFields[name].(float64); !ok {
			t.Errorf("%s is %T, no number", name, drop.OutputFields[name])
		}
	}
	if err := s.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.Ended
	if err := s.Cmd.Wait(); err == nil {
		t.Error("alerts were left, and the exit code does not say so")
	}
	// Those that were in the queue of 10 at the end, or on their way, were not dropped because it was full.
	m := regexp.MustCompile(`   http: 0 written, (\d+) dropped \(queue full\), 0 failed \(sink error\), ` +
		`(\d+) not delivered before the end\n`).FindStringSubmatch(s.Log())
	if m == nil {
		t.Fatalf("the exit text does not count them:\n%s", s.Log())
	}
	dropped, _ := strconv.Atoi(m[1])
	left, _ := strconv.Atoi(m[2])
	if dropped+left != 42 || left < 1 || left > 11 {
		t.Errorf("%d dropped and %d not delivered, of 42", dropped, left)
	}
}

// TestFileOutput: whoever rotates the file moves it away and sends SIGUSR1; the program gets each alert on its input.
func TestFileOutput(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	file, program := filepath.Join(out, "alerts"), filepath.Join(out, "program")
	s := startSensor(t, "-r", numbered(t, dir), "-o", "stdout_output.enabled=false",
		"-o", "file_output.enabled=true", "-o", "file_output.keep_alive=true", "-o", "file_output.filename="+file,
		"-o", "program_output.enabled=true", "-o", "program_output.program=cat >>"+program)
	lines := func(name string) int {
		text, _ := os.ReadFile(name)
		return strings.Count(string(text), "\n")
	}
	openNumbered(t, dir, 0, 3)
	waitFor(t, "three alerts", func() bool { return lines(file) == 3 })
	if err := os.Rename(file, file+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := s.Cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	// The signal is served between two alerts: sooner or later one is in the new file.
	next := 3
	waitFor(t, "a new file", func() bool {
		openNumbered(t, dir, next, next+1)
		next++
		return lines(file) > 0
	})
	waitFor(t, "every alert", func() bool { return lines(file)+lines(file+".moved") == next && lines(program) == next })
	s.Stop()
}
