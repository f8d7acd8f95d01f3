package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"runtime"
	"strings"
	"time"
	"unicode"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/output/render"
)

// MetricsOutput tells at intervals what the sensor counts, as Falco does: as an alert, and as lines of a file. It has a
// goroutine of its own, because it reads /proc.
type MetricsOutput struct {
	// Settings are those of the start; a reload changes none of them.
	Settings config.Metrics
	// Source returns the latest snapshot; nil while there is none.
	Source func() *Snapshot
	// Tell writes notices to the log and the outputs.
	Tell func(context.Context, ...Notice)

	// number counts the outputs, from 1; last is what the one before has counted.
	number uint64
	last   reading
	// failing: it was logged that the file can't be written.
	failing bool
}

// reading is what rates are made of.
type reading struct {
	at                  time.Time
	events, evts, drops uint64
}

// Wanted tells whether the settings ask for anything.
func (p *MetricsOutput) Wanted() bool {
	m := &p.Settings
	return m.Enabled && (m.OutputRule || m.OutputFile != "")
}

const (
	// firstWait is how often a first snapshot is asked for.
	firstWait = time.Second
	// minInterval is Falco's shortest interval.
	minInterval = 100 * time.Millisecond
)

// Run makes the first output when there is a snapshot, and ends with the context.
func (p *MetricsOutput) Run(ctx context.Context) {
	ticks := time.NewTicker(max(p.Settings.Interval, minInterval))
	defer ticks.Stop()
	first := time.NewTicker(firstWait)
	defer first.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-first.C:
			if p.take(ctx) {
				first.Stop()
				ticks.Reset(max(p.Settings.Interval, minInterval))
			}
		case <-ticks.C:
			p.take(ctx)
		}
	}
}

// take makes one output; false if there is nothing to tell yet.
func (p *MetricsOutput) take(ctx context.Context) bool {
	now := NewScrape(p.Source())
	if now == nil {
		return false
	}
	at := time.Now()
	fields := p.fields(now, at)
	p.number++
	p.last = readingOf(now, at)
	var notices []Notice
	if p.Settings.OutputFile != "" {
		notices = p.checkFile(appendSnapshot(p.Settings.OutputFile, p.number, fields))
	}
	if p.Settings.OutputRule {
		notices = append(notices, Notice{Alert: &render.Internal{
			Rule: "Falco internal: metrics snapshot", Priority: rulefile.Informational.String(), Message: "Falco metrics snapshot",
			Time: at.UnixNano(), Fields: fields,
		}})
	}
	if len(notices) > 0 {
		p.Tell(ctx, notices...)
	}
	return true
}

// checkFile tells when the file can't be written, and when it can again.
func (p *MetricsOutput) checkFile(err error) (notices []Notice) {
	switch {
	case err != nil && !p.failing:
		notices = append(notices, warn("no snapshots in the file; see metrics.output_file", zap.Error(err)))
	case err == nil && p.failing:
		notices = append(notices, info("snapshots are written to the file again", zap.String("file", p.Settings.OutputFile)))
	}
	p.failing = err != nil
	return notices
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

func readingOf(s *Scrape, at time.Time) reading {
	return reading{at, s.Stats.Records, s.Kernel.CriticalSent + s.Kernel.BulkSent + s.Kernel.Lost(), s.Kernel.Lost()}
}

// fields are a snapshot's: Falco's names, and Saker's metrics as saker.NAME and saker.NAME.LABEL.
func (p *MetricsOutput) fields(s *Scrape, at time.Time) map[string]any {
	cfg := &p.Settings
	now, all := readingOf(s, at), map[string]any{}
	seconds := 0.0
	if !p.last.at.IsZero() {
		seconds = at.Sub(p.last.at).Seconds()
	}
	maps.Copy(all, p.baseFields(s, now, seconds))
	some := map[string]any{} // are left out where they are zero
	if cfg.RulesCounters {
		all["falco.rules.matches_total"] = s.Stats.Matched
		for _, r := range s.Rules {
			if r.Enabled {
				some["falco.rules."+fieldName(r.Name)] = r.Matches()
			}
		}
	}
	if cfg.ResourceUtilization {
		maps.Copy(some, resourceFields(s, cfg.ConvertMemoryToMB))
	}
	if cfg.StateCounters {
		some["falco.n_threads"] = uint64(s.Table.Processes) // threads are not kept
		some["falco.n_drops_full_threadtable"] = s.Table.Evicted
		some["falco.n_failed_thread_lookups"] = s.Table.Unknown
	}
	if cfg.KernelEventCounters {
		maps.Copy(all, p.kernelFields(now, seconds))
		some["scap.n_drops_buffer_total"] = now.drops
		some["scap.n_drops_scratch_map"] = s.Kernel.Oversize
		for class, n := range lostByClass(&s.Kernel) {
			some["scap.n_drops_buffer_"+class+"_exit"] = n
		}
	}
	for _, f := range Shown(cfg) {
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
func (p *MetricsOutput) baseFields(s *Scrape, now reading, seconds float64) map[string]any {
	out := map[string]any{
		"evt.hostname": config.Hostname(), "evt.source": render.SourceSyscall, "evt.time": now.at.UnixNano(),
		"falco.version": s.Version, "falco.kernel_release": kernelRelease(), "falco.host_boot_ts": s.BootTime,
		"falco.host_num_cpus": runtime.NumCPU(),
		"falco.start_ts":      s.Started.UnixNano(), "falco.reload_ts": s.Reloaded.UnixNano(),
		"falco.duration_sec":            int64(now.at.Sub(s.Started).Seconds()),
		"falco.outputs_queue_num_drops": s.Queue.Dropped, "falco.num_evts": now.events, "falco.num_evts_prev": p.last.events,
		"scap.engine_name": engineName,
	}
	if seconds > 0 {
		out["falco.evts_rate_sec"] = tenths(float64(now.events-p.last.events) / seconds)
	}
	for _, f := range s.Files {
		out["falco.sha256_"+f.Kind+"_file."+fieldName(f.Name)] = f.Sum
	}
	return out
}

// kernelFields are there although they may be zero.
func (p *MetricsOutput) kernelFields(now reading, seconds float64) map[string]any {
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
func resourceFields(s *Scrape, megabytes bool) map[string]any {
	f := &s.process
	out := map[string]any{
		"falco.cpu_usage_perc":      tenths(100 * f.cpu / max(time.Since(s.Started).Seconds(), 1)),
		"falco.host_cpu_usage_perc": tenths(100 * f.hostCPU),
		"falco.host_open_fds":       uint64(f.hostFiles), "falco.host_procs_running": uint64(f.hostRunning),
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
	return strings.Join(strings.FieldsFunc(s,
		func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) }), "_")
}
