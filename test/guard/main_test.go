// Package guard tries to silence the real sensor: it kills and stops it, takes its programs off, and turns its rings
// back. docs/evasions.md is the summary.
package guard

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/testutil"
)

// sensorBinary is built once for all tests, with the race detector if they have it.
var sensorBinary string

func TestMain(m *testing.M) { testutil.RunWithSensor(m, &sensorBinary) }

const deadline = 60 * time.Second

// nowhere is a file that nobody opens.
const nowhere = "/nowhere/for/the/guard"

// rules hook the system calls, and one of them matches a file of the test's.
func rules(file string) string {
	return fmt.Sprintf(`
- rule: Watched file
  desc: d
  condition: evt.type = openat and fd.name = %s
  output: x
  priority: NOTICE
  tags: [a-tag]
- rule: Never
  desc: d
  condition: evt.type = openat and fd.name = /nowhere/at/all
  output: x
  priority: CRITICAL
`, file)
}

// served is a sensor with its web server.
type served struct {
	*testutil.Sensor
	t   *testing.T
	url string
}

// serve starts a sensor whose canaries come each second.
func serve(t *testing.T, rules string, args ...string) *served {
	t.Helper()
	s := testutil.StartSensor(t, sensorBinary, append(args,
		"-r", testutil.RulesFile(t, rules), "-o", "container_engines.containerd.enabled=false", "-o", "guard.canary_interval=1s",
		"-o", "webserver.listen_address=127.0.0.1", "-o", "webserver.listen_port=0",
		"-o", "metrics.enabled=true", "-o", "webserver.prometheus_metrics_enabled=true")...)
	const before = `web server listens	{"address": "`
	s.WaitLog(before)
	_, rest, _ := strings.Cut(s.Log(), before)
	address, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("no address: %s", rest)
	}
	return &served{s, t, "http://" + address}
}

func (s *served) get(path string) (int, string) {
	s.t.Helper()
	resp, err := http.Get(s.url + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// internal returns the next alert of a rule of the sensor's own, whose message holds a text.
func internal(s *testutil.Sensor, rule, text string) *testutil.Alert {
	return s.Next(rule, func(a *testutil.Alert) bool {
		return a.Rule == "Saker internal: "+rule && strings.Contains(a.Output, text)
	})
}

// waitMetric asks until the metrics hold a line.
func (s *served) waitMetric(line string) {
	s.t.Helper()
	ticks := time.NewTicker(50 * time.Millisecond)
	defer ticks.Stop()
	for timeout := time.After(deadline); ; {
		_, text := s.get("/metrics")
		if strings.Contains(text, line+"\n") {
			return
		}
		select {
		case <-ticks.C:
		case <-timeout:
			s.t.Fatalf("the metrics lack %s:\n%s", line, text)
		}
	}
}

// waitHealth asks until the sensor has this status, for a reason that holds these texts.
func (s *served) waitHealth(status int, reasons ...string) {
	s.t.Helper()
	ticks := time.NewTicker(50 * time.Millisecond)
	defer ticks.Stop()
	timeout := time.After(deadline)
	for {
		code, text := s.get("/healthz")
		var body struct{ Status, Reason string }
		if err := json.Unmarshal([]byte(text), &body); err != nil {
			s.t.Fatalf("%s: %v", text, err)
		}
		if code == status && !slices.ContainsFunc(reasons, func(r string) bool { return !strings.Contains(body.Reason, r) }) {
			if want := map[int]string{200: "ok", 503: "error"}[status]; body.Status != want {
				s.t.Errorf("status %d says %s", status, text)
			}
			return
		}
		select {
		case <-ticks.C:
		case <-timeout:
			s.t.Fatalf("the health stays %d: %s", code, text)
		}
	}
}

func stateFile(t *testing.T) string { return filepath.Join(t.TempDir(), "saker", "state") }
