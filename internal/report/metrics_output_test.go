package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/setup"
)

// two are the fields of a second snapshot, ten seconds after the first.
func two(t *testing.T, cfg config.Metrics) map[string]any {
	t.Helper()
	s := sample(t)
	s.Started = time.Now().Add(-20 * time.Second)
	s.Version, s.Files = "1.2", []setup.File{{Kind: "rules", Name: "my_rules.yaml", Sum: "abc"},
		{Kind: "config", Name: "falco.yaml", Sum: "def"}}
	p := &MetricsOutput{Settings: cfg}
	begin := time.Now()
	s.Stats.Records, s.Kernel = 100, probe.Counters{BulkSent: 100}
	if first := p.fields(s, begin); first["falco.evts_rate_sec"] != nil || first["falco.num_evts_prev"] != uint64(0) {
		t.Errorf("the first has %v", first)
	}
	p.last = readingOf(s, begin)
	s.Stats.Records, s.Stats.Matched = 350, 3
	s.Kernel = probe.Counters{BulkSent: 300, BulkLost: 50, LostByKind: map[event.Kind]uint64{event.KindOpen: 49, event.KindCanary: 1}}
	return p.fields(s, begin.Add(10*time.Second))
}

func TestSnapshotFields(t *testing.T) {
	cfg := config.Default().Metrics
	got := two(t, cfg)
	for name, want := range map[string]any{
		"evt.source": "syscall", "falco.version": "1.2", "falco.duration_sec": int64(30), "falco.num_evts": uint64(350),
		"falco.num_evts_prev": uint64(100),
		"falco.evts_rate_sec": 25.0, "scap.engine_name": "modern_bpf", "falco.rules.matches_total": uint64(3),
		"falco.sha256_rules_file.my_rules_yaml": "abc", "falco.sha256_config_file.falco_yaml": "def",
		"scap.n_evts": uint64(350), "scap.n_evts_prev": uint64(100), "scap.evts_rate_sec": 25.0, "scap.n_drops": uint64(50),
		"scap.n_drops_prev":       uint64(0),
		"scap.evts_drop_rate_sec": 5.0, "scap.n_drops_perc": 20.0, "scap.n_drops_buffer_open_exit": uint64(49),
		"scap.n_drops_buffer_other_interest_exit": uint64(1), "scap.n_drops_buffer_close_exit": nil, "saker.healthy": 1.0,
		"saker.ring_lost.bulk":     50.0,
		"saker.ring_lost.critical": nil,
	} {
		if got[name] != want {
			t.Errorf("%s is %v (%[2]T), want %v (%[3]T)", name, got[name], want)
		}
	}
	for _, name := range []string{"falco.memory_rss_mb", "falco.memory_vsz_mb", "falco.host_memory_used_mb", "falco.host_cpu_usage_perc"} {
		if v, _ := got[name].(float64); v <= 0 || v > 1<<24 {
			t.Errorf("%s is %v", name, got[name])
		}
	}
	for _, name := range []string{"evt.time", "falco.start_ts", "falco.reload_ts"} {
		if v, _ := got[name].(int64); time.Since(time.Unix(0, v)).Abs() > time.Minute {
			t.Errorf("%s is %v", name, got[name])
		}
	}
}

func TestSnapshotSwitches(t *testing.T) {
	has := func(fields map[string]any, prefix string) bool {
		for name := range fields {
			if strings.HasPrefix(name, prefix) {
				return true
			}
		}
		return false
	}
	none := two(t, config.Metrics{})
	all := config.Default().Metrics
	all.IncludeEmptyValues, all.ConvertMemoryToMB = true, false
	full := two(t, all)
	for _, prefix := range []string{
		"falco.rules.", "falco.memory_rss_kb", "falco.container_memory_used_bytes", "falco.n_threads", "scap.n_evts",
		"scap.n_drops_buffer_close_exit",
		"saker.processes_bytes", "saker.ring_lost.critical",
	} {
		if has(none, prefix) {
			t.Errorf("%s… is there although it is off", prefix)
		}
		if !has(full, prefix) {
			t.Errorf("%s… is not there although it is on", prefix)
		}
	}
}

// TestSnapshotFile: lines are appended; the file may be moved away, and a folder that is missing is told once.
func TestSnapshotFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stats.jsonl")
	for n := range uint64(2) {
		if err := appendSnapshot(file, n+1, map[string]any{"falco.version": "1"}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	for line := range strings.Lines(string(text)) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		got = append(got, v)
	}
	fields := map[string]any{"falco.version": "1"}
	want := []map[string]any{{"sample": 1.0, "output_fields": fields}, {"sample": 2.0, "output_fields": fields}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := appendSnapshot(file+"/x/y", 1, nil); err == nil {
		t.Error("written into a folder that is not there")
	}
}

func TestFieldName(t *testing.T) {
	for in, want := range map[string]string{
		"Redirect STDOUT/STDIN to Network Connection": "Redirect_STDOUT_STDIN_to_Network_Connection", "falco.yaml": "falco_yaml",
		"a (b) é c": "a_b_c",
	} {
		if got := fieldName(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}
