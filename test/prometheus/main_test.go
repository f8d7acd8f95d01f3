// Package prometheus checks what deploy/ has for Prometheus and Grafana, with Debian's Prometheus and the real sensor.
package prometheus

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/testutil"
)

// sensorBinary is built once for all tests, with the race detector if they have it.
var sensorBinary string

func TestMain(m *testing.M) { testutil.RunWithSensor(m, &sensorBinary) }

// deadline bounds each wait.
const deadline = 60 * time.Second

// tool finds a program of Debian's prometheus package.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: run make install", err)
	}
	return path
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{testutil.Root(t)}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rulesFile is what is tested.
func rulesFile(t *testing.T) string {
	return filepath.Join(testutil.Root(t), "deploy", "prometheus", "saker.rules.yaml")
}

// metricNames are the names of the sensor's metrics in a text, each once.
func metricNames(text string) map[string]bool {
	names := map[string]bool{}
	for _, name := range regexp.MustCompile(`\b(saker|falcosecurity)_[a-z0-9_]+`).FindAllString(text, -1) {
		names[name] = true
	}
	return names
}

// server is a running Prometheus.
type server struct {
	t   *testing.T
	url string
}

// startPrometheus runs one that scrapes an address as the job saker, each second, with the alert rules.
func startPrometheus(t *testing.T, target string) *server {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: saker
    static_configs: [{targets: [%q]}]
`, rulesFile(t), target)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool(t, "prometheus"), "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:0", "--log.format=json")
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan string, 1), make(chan struct{})
	var said strings.Builder
	go func() {
		defer close(ended)
		lines, address := json.NewDecoder(out), ""
		for {
			var line struct{ Msg, Address, Err string }
			if lines.Decode(&line) != nil {
				break
			}
			fmt.Fprintln(&said, line.Msg, line.Address, line.Err)
			switch {
			case line.Msg == "Listening on":
				address = line.Address
			case strings.HasPrefix(line.Msg, "Server is ready"):
				ready <- address
			}
		}
		_, _ = io.Copy(io.Discard, out)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Prometheus' log:\n%s", said.String())
		}
	})
	select {
	case a := <-ready:
		return &server{t, "http://" + a}
	case <-ended:
		t.Fatal("Prometheus ended")
	case <-time.After(deadline):
		t.Fatal("Prometheus does not get ready")
	}
	return nil
}

// get asks the API; into takes the data of the answer.
func (s *server) get(into any, path string, query url.Values) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", path, answer.Error)
	}
	return json.Unmarshal(answer.Data, into)
}

// sample is one of an answer's.
type sample struct {
	Metric map[string]string
	Value  [2]any
}

func (s *server) query(expr string) ([]sample, error) {
	var data struct{ Result []sample }
	err := s.get(&data, "/api/v1/query", url.Values{"query": {expr}})
	return data.Result, err
}

// wait asks until an expression has a value that fits.
func (s *server) wait(expr string, fits func([]sample) bool) {
	s.t.Helper()
	s.until(expr, func() (any, bool, error) {
		got, err := s.query(expr)
		return got, fits(got), err
	})
}

// until asks until an answer is as it should be.
func (s *server) until(what string, ask func() (got any, done bool, err error)) {
	s.t.Helper()
	ticks := time.NewTicker(100 * time.Millisecond)
	defer ticks.Stop()
	timeout := time.After(deadline)
	for {
		got, done, err := ask()
		if err != nil {
			s.t.Fatalf("%s: %v", what, err)
		}
		if done {
			return
		}
		select {
		case <-ticks.C:
		case <-timeout:
			s.t.Fatalf("%s stays %v", what, got)
		}
	}
}
