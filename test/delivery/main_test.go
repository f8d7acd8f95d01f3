// Package delivery sends alerts to a real OpenTelemetry collector, through networks that fail, and counts them in and out.
package delivery

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/testutil"
	"github.com/saker-sensor/saker/internal/testutil/authority"
)

// Binaries, built once for all tests.
var collectorBinary, sensorBinary string

func TestMain(m *testing.M) {
	var err error
	if sensorBinary, err = testutil.BuildSensor(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	collectorBinary = filepath.Join(filepath.Dir(sensorBinary), "otelcol")
	build := exec.Command("go", "build", "-o", collectorBinary, ".")
	build.Dir = "../otelcol"
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the collector: %v\n%s", err, out)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// until waits for a sign.
func until(t testing.TB, what string, met func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !met(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// collector is a real one, which writes what it gets to a file.
type collector struct {
	t            testing.TB
	config, file string
	// http and grpc are its addresses.
	http, grpc string
	cmd        *exec.Cmd
	stderr     bytes.Buffer
}

// newCollector does not start it. With an authority it shows server.crt and asks for a client certificate.
func newCollector(t testing.TB, a *authority.Authority) *collector {
	t.Helper()
	dir := t.TempDir()
	c := &collector{
		t: t, config: dir + "/config.yaml", file: dir + "/alerts.json", http: testutil.FreeAddress(t), grpc: testutil.FreeAddress(t),
	}
	tls := ""
	if a != nil {
		tls = fmt.Sprintf(", tls: {cert_file: %q, key_file: %q, client_ca_file: %q, reload_interval: 1ms}", a.Path("server.crt"),
			a.Path("server.key"), a.Path("ca.crt"))
	}
	text := fmt.Sprintf(`
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "%s"%s}
      http: {endpoint: "%s"%[2]s}
exporters:
  file: {path: %[4]q, append: true, flush_interval: 10ms}
service:
  telemetry: {metrics: {level: none}, logs: {level: warn}}
  pipelines:
    logs: {receivers: [otlp], exporters: [file]}
`, c.grpc, tls, c.http, c.file)
	if err := os.WriteFile(c.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.stop)
	return c
}

func (c *collector) start() {
	c.t.Helper()
	c.cmd = exec.Command(collectorBinary, "--config", c.config)
	c.cmd.Stderr = &c.stderr
	c.cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	for _, address := range []string{c.http, c.grpc} {
		until(c.t, "the collector listens", func() bool {
			conn, err := net.Dial("tcp", address)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
	}
}

// stop lets it write what it has.
func (c *collector) stop() {
	if c.cmd == nil {
		return
	}
	_ = c.cmd.Process.Signal(unix.SIGTERM)
	_ = c.cmd.Wait()
	c.cmd = nil
	if c.t.Failed() {
		c.t.Logf("the collector: %s", c.stderr.String())
	}
}

// record is an alert as the collector has it.
type record struct {
	body, severity string
	attributes     map[string]string
}

// records are those in the file so far.
func (c *collector) records() []record {
	c.t.Helper()
	text, err := os.ReadFile(c.file)
	if err != nil && !os.IsNotExist(err) {
		c.t.Fatal(err)
	}
	type value struct{ StringValue, IntValue string }
	var all []record
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, "\n") {
			break // it is just being written
		}
		var batch struct {
			ResourceLogs []struct {
				ScopeLogs []struct {
					LogRecords []struct {
						SeverityText string
						Body         value
						Attributes   []struct {
							Key   string
							Value value
						}
					}
				}
			}
		}
		if err := json.Unmarshal([]byte(line), &batch); err != nil {
			c.t.Fatalf("the collector wrote %q: %v", line, err)
		}
		for _, r := range batch.ResourceLogs {
			for _, s := range r.ScopeLogs {
				for _, l := range s.LogRecords {
					attributes := map[string]string{}
					for _, a := range l.Attributes {
						attributes[a.Key] = a.Value.StringValue + a.Value.IntValue
					}
					all = append(all, record{l.Body.StringValue, l.SeverityText, attributes})
				}
			}
		}
	}
	return all
}

// want checks that each of these bodies came, in order, twice only with the same id.
func (c *collector) want(bodies []string) {
	c.t.Helper()
	ids, got := map[string]string{}, []string{}
	for _, r := range c.records() {
		id := r.attributes["log.record.uid"]
		body, again := ids[id]
		if id == "" || again && body != r.body {
			c.t.Errorf("id %q is that of %q and of %q", id, body, r.body)
		}
		if !again {
			ids[id] = r.body
			got = append(got, r.body)
		}
	}
	if !slices.Equal(got, bodies) {
		c.t.Errorf("got %d alerts, want %d: %q …", len(got), len(bodies), got[:min(len(got), 10)])
	}
}
