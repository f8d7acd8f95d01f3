package report

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/guard"
	"github.com/saker-sensor/saker/internal/metrics"
	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/setup"
	"github.com/saker-sensor/saker/internal/testutil"
)

var update = flag.Bool("update", false, "write golden files")

const metricsPreface = `# Metrics

What ` + "`/metrics`" + ` shows, in Prometheus' text format. Made from the table in ` + "`internal/report/families*.go`" + `; do not edit.

The web server listens on port 8765 of every address, as Falco's does (` + "`webserver.*`" + `); it serves ` + "`/healthz`" + ` and ` + "`/versions`" + ` always, and ` + "`/metrics`" + `
if ` + "`metrics.enabled`" + ` and ` + "`webserver.prometheus_metrics_enabled`" + ` are set:

` + "```console" + `
$ sudo bin/sensor -o metrics.enabled=true -o webserver.prometheus_metrics_enabled=true
$ curl -s localhost:8765/healthz
{"status": "ok"}
` + "```" + `

While the capture is stalled, or the event loop does not run, ` + "`/healthz`" + ` answers 503 with ` + "`" + `{"status":"error","reason":"…"}` + "`" + `. A container runtime, an API server or
an output that fails, or a log that can't be written, is no reason to restart the sensor: the answer stays 200, and ` + "`degraded`" + ` lists it. If the port is in
use the sensor says so, works on, and serves as soon as the port is free.

Metrics of Falco's that Saker has too have Falco's names and labels; the others begin with ` + "`saker_`" + `. The event loop shows its counts once a second.
The switch is the key of falco.yaml that shows a metric; one without a switch is always there.

`

const metricsSnapshots = `
## Snapshots

The same figures as an internal alert, as lines of a file, or both, at intervals; the first comes a second after the start:

` + "```yaml" + `
metrics:
  enabled: true
  interval: 15m
  output_rule: true                     # the rule is "Falco internal: metrics snapshot", its priority Informational
  output_file: /var/log/saker/stats.jsonl
` + "```" + `

A line of the file is ` + "`{\"output_fields\":{…},\"sample\":1}`" + `. It is opened for each line, so it may be moved away at any time.

| field | switch | |
|---|---|---|
| ` + "`evt.time`, `evt.hostname`, `evt.source`" + ` | | when and where; times are ns since the epoch |
| ` + "`falco.version`, `falco.kernel_release`, `falco.start_ts`, `falco.reload_ts`, `falco.duration_sec`, `falco.host_boot_ts`, `falco.host_num_cpus`, `falco.outputs_queue_num_drops`, `scap.engine_name`" + ` | | as their metrics |
| ` + "`falco.num_evts`, `falco.num_evts_prev`, `falco.evts_rate_sec`" + ` | | records that were read: since the start, until the snapshot before, and per second since then |
| ` + "`falco.sha256_rules_file.NAME`, `falco.sha256_config_file.NAME`" + ` | | digests of the files that run |
| ` + "`falco.rules.matches_total`, `falco.rules.NAME`" + ` | ` + "`metrics.rules_counters_enabled`" + ` | matches |
| ` + "`falco.cpu_usage_perc`, `falco.memory_{rss,vsz,pss}_mb`, `falco.container_memory_used_mb`, `falco.host_{cpu_usage_perc,memory_used_mb,open_fds,procs_running}`" + ` | ` + "`metrics.resource_utilization_enabled`" + ` | without ` + "`metrics.convert_memory_to_mb`" + ` they are ` + "`_kb`, and the container's `_bytes`" + `; ` + "`falco.host_cpu_usage_perc`" + ` is since the boot |
| ` + "`falco.n_threads`, `falco.n_drops_full_threadtable`, `falco.n_failed_thread_lookups`" + ` | ` + "`metrics.state_counters_enabled`" + ` | of processes, as threads are not kept |
| ` + "`scap.n_evts`, `scap.n_evts_prev`, `scap.evts_rate_sec`, `scap.n_drops`, `scap.n_drops_prev`, `scap.evts_drop_rate_sec`, `scap.n_drops_perc`, `scap.n_drops_buffer_…_exit`, `scap.n_drops_scratch_map`" + ` | ` + "`metrics.kernel_event_counters_enabled`" + ` | records that the kernel programs made, and those that were lost |
| ` + "`saker.NAME`, `saker.NAME.LABEL`" + ` | that of the metric | every metric ` + "`saker_NAME`" + ` of the table above, without ` + "`_total`" + ` |

Names of rules and files have an underscore for what is neither letter nor digit. What is zero is left out unless
` + "`metrics.include_empty_values`" + ` is set, but for the fields of the first four rows and those about ` + "`scap.n_evts` and `scap.n_drops`" + `. The run time of
kernel programs (` + "`metrics.libbpf_stats_enabled`" + `) is not measured.
`

func TestMetricsReference(t *testing.T) {
	var b strings.Builder
	b.WriteString(metricsPreface)
	if err := metrics.Document(&b, Families()); err != nil {
		t.Fatal(err)
	}
	b.WriteString(metricsSnapshots)
	path := filepath.Join(testutil.Root(t), "docs", "metrics.md")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("docs/metrics.md is out of date; run make update:\n%s", diff)
	}
}

// sample is a Scrape of a sensor with one output that has done nothing but lose one program.
func sample(t *testing.T) *Scrape {
	t.Helper()
	rules, results := setup.Rules(config.Default())
	if !results.Successful() {
		t.Fatal(setup.RulesError(&results))
	}
	lost := []setup.Lost{{Program: "sys_exit", Rules: []string{"a", "b"}}}
	sinks := output.QueueCounters{Sinks: []output.SinkCounters{{Name: "http", Spool: &output.SpoolCounters{}}}}
	files := []setup.File{{Kind: "rules", Name: "r.yaml", Sum: "abc"}, {Kind: "config", Name: "c.yaml", Sum: "def"}}
	now := time.Now()
	return &Scrape{&Snapshot{
		Pods: &Pods{}, Coverage: lost, Files: files, Queue: sinks, Wall: now, Rules: rules.Rules(), Reloaded: now, Started: now, BootTime: 1,
		Sources: []Source{{Name: "k8s_audit"}},
	}, readProcess()}
}

// TestMetrics: every family has values, under names that Prometheus likes.
func TestMetrics(t *testing.T) {
	s := sample(t)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.Collector(Families(), func() *Scrape { return s }))
	got, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range got {
		for _, m := range f.GetMetric() {
			values[f.GetName()] += m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	// A sample has no runtimes.
	absent := map[string]bool{"saker_runtime_connected": true}
	for _, f := range Families() {
		if _, ok := values[f.Name]; ok == absent[f.Name] {
			t.Errorf("%s: is there: %v", f.Name, ok)
		}
	}
	for name, want := range map[string]float64{"saker_program_missing": 1, "saker_rules_losing_events": 2, "saker_healthy": 1} {
		if values[name] != want {
			t.Errorf("%s is %v, not %v", name, values[name], want)
		}
	}
	for _, name := range []string{"falcosecurity_falco_memory_rss_bytes", "falcosecurity_falco_memory_pss_bytes", "saker_cpu_seconds_total"} {
		if values[name] <= 0 {
			t.Errorf("%s is %v", name, values[name])
		}
	}
	problems, err := promlint.NewWithMetricFamilies(got).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "saker_") { // Falco's names are what they are
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestMetricSwitches(t *testing.T) {
	all := len(Families())
	cfg := config.Default().Metrics
	if got := len(Shown(&cfg)); got != all {
		t.Errorf("%d of %d families are shown by default", got, all)
	}
	for _, f := range Shown(&config.Metrics{}) {
		if f.Switch != "" {
			t.Errorf("%s is shown without %s", f.Name, f.Switch)
		}
	}
}

func TestHealth(t *testing.T) {
	old := guard.Now()
	old.Mono -= time.Minute
	for _, tt := range []struct {
		last *Snapshot
		want string
	}{
		{nil, "the sensor has not begun to capture"},
		{&Snapshot{At: guard.Now(), Patience: time.Second}, ""},
		{&Snapshot{At: guard.Now(), Patience: time.Second, Stalled: "no canary"}, "capture stalled: no canary"},
		{&Snapshot{At: old}, "the event loop has not run for 1m0"},
	} {
		got := errorText(Health(tt.last, guard.Now()))
		if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("health %q, want %q", got, tt.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Lost records were made, too.
func TestKernelCountersInMetrics(t *testing.T) {
	s := sample(t)
	s.Kernel = probe.Counters{CriticalSent: 5, BulkSent: 3, BulkLost: 2}
	for _, f := range falcoEventFamilies() {
		if f.Name == "falcosecurity_scap_n_evts_total" {
			f.Collect(s, func(v float64, _ ...string) {
				if v != 10 {
					t.Errorf("%s is %v", f.Name, v)
				}
			})
		}
	}
}
