package guard

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/saker-sensor/saker/internal/testutil"
)

// TestServed: what the web server tells of a healthy sensor.
func TestServed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "watched")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, rules(file))
	read(t, file)
	s.Next("the open", func(a *testutil.Alert) bool { return a.Rule == "Watched file" })
	s.waitHealth(200)
	if code, text := s.get("/healthz"); code != 200 || text != `{"status": "ok"}` {
		t.Errorf("%d %s", code, text)
	}
	var versions map[string]string
	if _, text := s.get("/versions"); json.Unmarshal([]byte(text), &versions) != nil ||
		versions["engine_version_semver"] != "0."+versions["engine_version"]+".0" ||
		versions["falco_version"] == "" {
		t.Errorf("versions %s", text)
	}
	// They are published each second; the alert may be on its way at such a moment.
	written, text := `saker_sink_written_total{sink="stdout"} 1`, ""
	for end := time.Now().Add(deadline); !strings.Contains(text, written+"\n") && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		_, text = s.get("/metrics")
	}
	for _, want := range []string{
		`falcosecurity_falco_rules_matches_total{priority="5",rule_name="Watched file",source="syscall",tag_a_tag="true"} 1`,
		`falcosecurity_falco_rules_matches_total{priority="2",rule_name="Never",source="syscall"} 0`,
		`falcosecurity_scap_n_drops_total 0`,
		`falcosecurity_evt_hostname_info{hostname="node-1"} 1`,
		`saker_ring_lost_total{ring="critical"} 0`,
		`saker_healthy 1`,
		written,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		// Falco's names are what they are.
		if strings.HasPrefix(p.Metric, "saker_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
	s.Stop()
}

// TestNoHook: without a rule that needs the system-call hook the critical ring's canary alone tells.
func TestNoHook(t *testing.T) {
	s := serve(t, "- rule: R\n  desc: d\n  condition: evt.type = procexit and proc.name = nobody\n  output: x\n  priority: NOTICE\n")
	s.WaitLog(`"syscall_hook": false`)
	s.waitMetric(`saker_canary_seen_total{way="critical"} 2`)
	if _, text := s.get("/metrics"); !strings.Contains(text, `saker_canary_sent_total{way="hook"} 0`+"\n") {
		t.Error("a canary was sent through a hook that is not there")
	}
	s.waitHealth(200)
	s.Stop()
}

func read(t *testing.T, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}
