// Package report says what happens to the sensor itself: losses, silence, outputs and runtimes that fail, stops and signals. It
// compares the state of the sensor with that of a second before, and returns notices; it holds nothing of the sensor. Of the
// same states it makes metrics, health and the summary at the end.
package report

import (
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/output/render"
	"github.com/saker-sensor/saker/internal/probe"
)

// Notice is a line for the log, an internal alert, or both.
type Notice struct {
	Level zapcore.Level
	// Log is the line's message; empty for none.
	Log    string
	Fields []zap.Field
	// Alert is nil for none.
	Alert *render.Internal
}

// Logged is a notice for the log alone.
func Logged(level zapcore.Level, message string, fields ...zap.Field) Notice {
	return Notice{Level: level, Log: message, Fields: fields}
}

func debug(message string, fields ...zap.Field) Notice {
	return Logged(zap.DebugLevel, message, fields...)
}

func info(message string, fields ...zap.Field) Notice {
	return Logged(zap.InfoLevel, message, fields...)
}

func warn(message string, fields ...zap.Field) Notice {
	return Logged(zap.WarnLevel, message, fields...)
}

// with adds an internal alert whose message begins with the rule's name, as Falco's do.
func (n Notice) with(at time.Time, rule string, priority rulefile.Priority, message string, fields map[string]any) Notice {
	n.Alert = &render.Internal{
		Rule: rule, Priority: priority.String(), Message: rule + ". " + message + ".", Time: at.UnixNano(), Fields: fields,
	}
	return n
}

// Processes knows who lost records.
type Processes interface {
	// Loser returns an event of the process with what is known of it. known is false while its container is asked for.
	Loser(l *probe.Loser) (ev event.Event, known bool)
}

// Reporter compares each snapshot with the one before. It is not safe for several goroutines.
type Reporter struct {
	before  *Snapshot
	losses  losses
	silence silence
	outages outages
}

// NewReporter begins with the state at the start.
func NewReporter(cfg *config.Config, start *Snapshot) *Reporter {
	r := &Reporter{before: start, outages: outages{sinks: map[string]*outage{}}}
	r.Configure(cfg)
	return r
}

// Configure takes the settings that a reload may change.
func (r *Reporter) Configure(cfg *config.Config) {
	r.losses.configure(cfg.Drops)
	r.silence.configure(cfg)
	r.outages.timeout = time.Duration(cfg.OutputTimeout) * time.Millisecond
}

// Report returns the notices about the time since the previous snapshot. The error ends the run.
func (r *Reporter) Report(now *Snapshot, processes Processes) ([]Notice, error) {
	before := r.before
	r.before = now
	all, err := r.losses.check(now, processes)
	all = append(all, r.silence.check(now)...)
	all = append(all, changedRuntimes(before, now)...)
	all = append(all, changedPods(before, now)...)
	all = append(all, changedRelated(before, now)...)
	all = append(all, r.outages.check(now)...)
	all = append(all, stopped(before, now)...)
	all = append(all, Signals(now)...)
	all = append(all, changedCapture(before, now)...)
	return all, err
}
