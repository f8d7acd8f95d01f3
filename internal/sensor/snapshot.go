package sensor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/output/render"
	"github.com/saker-sensor/saker/internal/setup"
)

// snapshots tell what the sensor counts at intervals, as Falco does: as an alert, and as lines of a file. They have a
// goroutine of their own, because /proc is read for them.
type snapshots struct {
	*sensor
	// settings are those of the start: a reload changes none of them, and the loop may be writing the configuration.
	settings config.Metrics
	// number counts them, from 1; last is what the one before has counted.
	number uint64
	last   reading
	// failing: the log has been told that the file can't be written.
	failing bool
}

// reading is what rates are made of.
type reading struct {
	at                  time.Time
	events, evts, drops uint64
}

// wanted tells whether somebody asks for snapshots.
func (p *snapshots) wanted() bool {
	m := &p.settings
	return m.Enabled && (m.OutputRule || m.OutputFile != "")
}

// run tells the first one when there are counts, and ends with the context.
func (p *snapshots) run(ctx context.Context) {
	ticks := time.NewTicker(max(p.settings.Interval, minSnapshot))
	defer ticks.Stop()
	first := time.NewTicker(tickInterval)
	defer first.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-first.C:
			if p.take(ctx) {
				first.Stop()
				ticks.Reset(max(p.settings.Interval, minSnapshot))
			}
		case <-ticks.C:
			p.take(ctx)
		}
	}
}

// minSnapshot is Falco's shortest interval.
const minSnapshot = 100 * time.Millisecond

// take tells of one; false if there is nothing to tell yet.
func (p *snapshots) take(ctx context.Context) bool {
	now := p.scrape()
	if now == nil {
		return false
	}
	at := time.Now()
	fields := p.fields(now, at)
	p.number++
	p.last = readingOf(now, at)
	if p.settings.OutputFile != "" {
		p.report(appendSnapshot(p.settings.OutputFile, p.number, fields), p.settings.OutputFile)
	}
	if p.settings.OutputRule {
		_ = p.loop.do(ctx, func() { // it only fails when the run ends
			p.alerts.internal(render.Internal{
				Rule: "Falco internal: metrics snapshot", Priority: rulefile.Informational.String(), Message: "Falco metrics snapshot",
				Time: at.UnixNano(), Fields: fields,
			})
		})
	}
	return true
}

// report tells the log when the file can't be written, and when it can again.
func (p *snapshots) report(err error, file string) {
	switch {
	case err != nil && !p.failing:
		p.Log.Warn("no snapshots in the file; see metrics.output_file", zap.Error(err))
	case err == nil && p.failing:
		p.Log.Info("snapshots are written to the file again", zap.String("file", file))
	}
	p.failing = err != nil
}

// appendSnapshot writes a line as Falco does. The file is opened each time, so that it may be moved away.
func appendSnapshot(path string, number uint64, fields map[string]any) error {
	line, err := json.Marshal(struct {
		Fields map[string]any `json:"output_fields"`
		Sample uint64         `json:"sample"`
	}{fields, number})
	if err != nil {
		return fmt.Errorf("write a snapshot: %w", err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

func readingOf(s *scrape, at time.Time) reading {
	return reading{at, s.stats.Records, s.kernel.CriticalSent + s.kernel.BulkSent + s.kernel.Lost(), s.kernel.Lost()}
}

// fields are a snapshot's: Falco's names, and Saker's metrics as saker.NAME and saker.NAME.LABEL.
func (p *snapshots) fields(s *scrape, at time.Time) map[string]any {
	cfg := &p.settings
	now, all := readingOf(s, at), map[string]any{}
	seconds := 0.0
	if !p.last.at.IsZero() {
		seconds = at.Sub(p.last.at).Seconds()
	}
	maps.Copy(all, p.baseFields(s, now, seconds))
	some := map[string]any{} // are left out where they are zero
	if cfg.RulesCounters {
		all["falco.rules.matches_total"] = s.stats.Matched
		for _, r := range s.rules {
			if r.Enabled {
				some["falco.rules."+fieldName(r.Name)] = r.Matches()
			}
		}
	}
	if cfg.ResourceUtilization {
		maps.Copy(some, resourceFields(s, cfg.ConvertMemoryToMB))
	}
	if cfg.StateCounters {
		some["falco.n_threads"] = uint64(s.table.Processes) // threads are not kept
		some["falco.n_drops_full_threadtable"] = s.table.Evicted
		some["falco.n_failed_thread_lookups"] = s.table.Unknown
	}
	if cfg.KernelEventCounters {
		maps.Copy(all, p.kernelFields(now, seconds))
		some["scap.n_drops_buffer_total"] = now.drops
		some["scap.n_drops_scratch_map"] = s.kernel.Oversize
		for class, n := range lostByClass(&s.kernel) {
			some["scap.n_drops_buffer_"+class+"_exit"] = n
		}
	}
	for _, f := range shown(cfg) {
		name, ours := strings.CutPrefix(f.Name, "saker_")
		if !ours {
			continue
		}
		name = "saker." + strings.TrimSuffix(name, "_total")
		f.Collect(s, func(value float64, labels ...string) {
			key := name
			for i := 1; i < len(labels); i += 2 {
				key += "." + fieldName(labels[i])
			}
			some[key] = value
		})
	}
	for key, value := range some {
		if cfg.IncludeEmptyValues || value != uint64(0) && value != float64(0) {
			all[key] = value
		}
	}
	return all
}

// baseFields are in every snapshot. Times are ns since the epoch.
func (p *snapshots) baseFields(s *scrape, now reading, seconds float64) map[string]any {
	out := map[string]any{
		"evt.hostname": config.Hostname(), "evt.source": render.SourceSyscall, "evt.time": now.at.UnixNano(),
		"falco.version": s.version, "falco.kernel_release": kernelRelease(), "falco.host_boot_ts": bootTime(), "falco.host_num_cpus": runtime.NumCPU(),
		"falco.start_ts": s.started.UnixNano(), "falco.reload_ts": s.reloaded.UnixNano(), "falco.duration_sec": int64(now.at.Sub(s.started).Seconds()),
		"falco.outputs_queue_num_drops": s.queue.Dropped, "falco.num_evts": now.events, "falco.num_evts_prev": p.last.events,
		"scap.engine_name": engineName,
	}
	if seconds > 0 {
		out["falco.evts_rate_sec"] = tenths(float64(now.events-p.last.events) / seconds)
	}
	for _, f := range s.files {
		out["falco.sha256_"+f.kind+"_file."+fieldName(f.name)] = f.sum
	}
	return out
}

// kernelFields are there although they may be zero.
func (p *snapshots) kernelFields(now reading, seconds float64) map[string]any {
	evts, drops := float64(now.evts-p.last.evts), float64(now.drops-p.last.drops)
	out := map[string]any{
		"scap.n_evts": now.evts, "scap.n_evts_prev": p.last.evts, "scap.n_drops": now.drops, "scap.n_drops_prev": p.last.drops,
		"scap.evts_rate_sec": 0.0, "scap.evts_drop_rate_sec": 0.0, "scap.n_drops_perc": tenths(100 * drops / max(evts, 1)),
	}
	if seconds > 0 {
		out["scap.evts_rate_sec"], out["scap.evts_drop_rate_sec"] = tenths(evts/seconds), tenths(drops/seconds)
	}
	return out
}

// resourceFields are of the sensor and of the host; the names tell the unit.
func resourceFields(s *scrape, megabytes bool) map[string]any {
	f := &s.process
	out := map[string]any{
		"falco.cpu_usage_perc": tenths(100 * f.cpu / max(time.Since(s.started).Seconds(), 1)), "falco.host_cpu_usage_perc": tenths(100 * f.hostCPU),
		"falco.host_open_fds": uint64(f.hostFiles), "falco.host_procs_running": uint64(f.hostRunning),
	}
	for name, bytes := range map[string]float64{
		"memory_rss": f.rss, "memory_vsz": f.vsz, "memory_pss": f.pss, "host_memory_used": f.hostMemory, "container_memory_used": f.cgroupMemory,
	} {
		switch {
		case megabytes:
			out["falco."+name+"_mb"] = tenths(bytes / (1 << 20))
		case name == "container_memory_used":
			out["falco."+name+"_bytes"] = bytes
		default:
			out["falco."+name+"_kb"] = bytes / 1024
		}
	}
	return out
}

// tenths rounds as Falco does.
func tenths(f float64) float64 { return math.Round(f*10) / 10 }

// fieldName has an underscore for whatever is neither letter nor digit, as Falco's names of rules and files in fields.
func fieldName(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) }), "_")
}

// loadedFile is a file that runs now.
type loadedFile struct {
	// kind is rules or config.
	kind, name, sum string
}

// loadedFiles reads them once more, for their digests. What can't be read by now has none; of two files of a kind and a
// name the last one counts, as their metrics would be the same.
func loadedFiles(cfg *config.Config, configs []string) []loadedFile {
	digests := map[[2]string]string{}
	add := func(kind, path string, text []byte) {
		sum := sha256.Sum256(text)
		digests[[2]string{kind, filepath.Base(path)}] = hex.EncodeToString(sum[:])
	}
	for _, src := range setup.Sources(*cfg) {
		if src.Err == nil {
			add("rules", src.Name, src.Content)
		}
	}
	for _, path := range configs {
		if text, err := os.ReadFile(path); err == nil {
			add("config", path, text)
		}
	}
	var files []loadedFile
	for of, sum := range digests {
		files = append(files, loadedFile{kind: of[0], name: of[1], sum: sum})
	}
	slices.SortFunc(files, func(a, b loadedFile) int { return strings.Compare(a.kind+a.name, b.kind+b.name) })
	return files
}
