package prometheus

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/saker-sensor/saker/internal/testutil"
)

// watching is a rule file with a rule about a file.
func watching(t *testing.T) (rules, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "watched")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return testutil.RulesFile(t, fmt.Sprintf(`
- rule: Watched file
  desc: d
  condition: evt.type = openat and fd.name = %s
  output: x
  priority: NOTICE
`, file)), file
}

// address is where the sensor's web server listens.
func address(t *testing.T, s *testutil.Sensor) string {
	t.Helper()
	const before = `web server listens	{"address": "`
	s.WaitLog(before)
	_, rest, _ := strings.Cut(s.Log(), before)
	a, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("no address: %s", rest)
	}
	return a
}

// TestScrape: a real Prometheus scrapes the real sensor. All metrics of rules and dashboard are there, all expressions
// can be evaluated, and alerts fire when the sensor refuses a reload and when it is gone.
func TestScrape(t *testing.T) {
	rules, file := watching(t)
	// An output with a spool has metrics of its own.
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	s := testutil.StartSensor(t, sensorBinary, "-r", rules, "-o", "http_output.enabled=true", "-o", "http_output.url="+receiver.URL,
		"-o", "http_output.spool=true", "-o", "spool.directory="+t.TempDir(), "-o", "container_engines.containerd.enabled=false", "-o",
		"guard.canary_interval=1s",
		"-o", "webserver.listen_address=127.0.0.1", "-o", "webserver.listen_port=0", "-o", "metrics.enabled=true", "-o",
		"webserver.prometheus_metrics_enabled=true")
	target := address(t, s)
	p := startPrometheus(t, target)
	is := func(want string) func([]sample) bool {
		return func(got []sample) bool { return len(got) == 1 && got[0].Value[1] == want }
	}
	p.wait(`saker_healthy{job="saker"}`, is("1"))
	if _, err := os.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	p.wait(`falcosecurity_falco_rules_matches_total{rule_name="Watched file"}`, is("1"))
	p.wait(`saker_sink_written_total{sink="stdout"}`, is("1"))
	p.wait(`saker_sink_written_total{sink="http"}`, is("1"))

	t.Run("metrics", func(t *testing.T) { metricsAreServed(t, target) })
	t.Run("rules", func(t *testing.T) { rulesAreEvaluated(t, p) })
	t.Run("dashboard", func(t *testing.T) { panelsAreAnswered(t, p, target) })

	firing := func(alert string) string { return fmt.Sprintf(`ALERTS{alertname=%q}`, alert) }
	p.wait(`count(ALERTS) or vector(0)`, is("0"))
	if err := os.WriteFile(rules, []byte("- rule: broken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.wait(firing("SakerReloadRefused"), func(got []sample) bool { return len(got) == 1 && got[0].Metric["alertstate"] == "firing" })
	if err := s.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.Ended
	p.wait(firing("SakerDown"), func(got []sample) bool {
		return len(got) == 1 && got[0].Metric["alertstate"] == "pending" && got[0].Metric["instance"] == target
	})
}

// metricsAreServed: what rules and dashboard name is what this sensor serves. Some metrics have no value here.
func metricsAreServed(t *testing.T, target string) {
	resp, err := http.Get("http://" + target + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	served := metricNames(string(text))
	served["saker_rules_losing_events"] = true // this kernel refuses no program
	served["saker_runtime_connected"] = true   // no runtime is asked
	for _, f := range []string{"prometheus/saker.rules.yaml", "grafana/saker.json"} {
		for name := range metricNames(read(t, "deploy", f)) {
			if !served[name] {
				t.Errorf("%s names %s, which is not served", f, name)
			}
		}
	}
}

func rulesAreEvaluated(t *testing.T, p *server) {
	type group struct {
		Rules []struct{ Name, Health, LastError string }
	}
	var data struct{ Groups []group }
	p.until("the rules", func() (any, bool, error) {
		err := p.get(&data, "/api/v1/rules", nil)
		return data, len(data.Groups) == 1 && len(data.Groups[0].Rules) > 10 && data.Groups[0].Rules[0].Health != "unknown", err
	})
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			if r.Health != "ok" {
				t.Errorf("%s: %s %s", r.Name, r.Health, r.LastError)
			}
		}
	}
}

// panelsAreAnswered: Grafana's variables are put in as it would.
func panelsAreAnswered(t *testing.T, p *server, target string) {
	d := readDashboard(t)
	vars := strings.NewReplacer("$job", "saker", "$instance", target, "$__rate_interval", "5m", "$__range", "1h")
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		i := strings.LastIndex(v.Definition, ", ")
		query, label := strings.TrimPrefix(v.Definition[:i], "label_values("), strings.TrimSuffix(v.Definition[i+2:], ")")
		var values []string
		if err := p.get(&values, "/api/v1/label/"+label+"/values", url.Values{"match[]": {vars.Replace(query)}}); err != nil || len(values) != 1 {
			t.Errorf("variable %s has the values %v, %v", v.Name, values, err)
		}
	}
	answered := 0
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			got, err := p.query(vars.Replace(target.Expr))
			if err != nil {
				t.Errorf("%s: %s: %v", panel.Title, target.Expr, err)
			}
			// One that shows what is greater than 0, or what this kernel refuses, may have nothing to show.
			if len(got) == 0 && !strings.HasSuffix(target.Expr, "> 0") && !strings.Contains(target.Expr, "losing_events") &&
				!strings.Contains(target.Expr, "runtime_connected") {
				t.Errorf("%s: %s has no value", panel.Title, target.Expr)
			}
			if len(got) > 0 {
				answered++
			}
		}
	}
	if answered < 20 {
		t.Errorf("%d of the panels' queries have values", answered)
	}
}
