package sensor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay"
	"github.com/saker-sensor/saker/internal/report"
)

// ReplaySettings say what is replayed.
type ReplaySettings struct {
	// Files are replayed one after the other.
	Files []string
	// Speed is how much faster than they happened the events come; 1 is as they did, 0 as fast as they can be read.
	Speed float64
	// Progress is called now and then while events come, from another goroutine; nil if nobody looks.
	Progress func(Progress)
}

// Progress of a replay.
type Progress struct {
	File       string
	Events     uint64
	Read, Size int64 // bytes of the file; Size is 0 if it is not known
	Since      time.Duration
	Done       bool
}

// progressInterval is the time between two calls of [ReplaySettings.Progress].
const progressInterval = 250 * time.Millisecond

// looks is the number of events between two looks at what else there is.
const looks = 1024

// replayer walks recorded events: file → match → render. What the other rooms add to an event is in the file.
type replayer struct {
	*sensor
	settings ReplaySettings
	scratch  *engine.Scratch
	stats    report.Stats
	// expired is the recorded time at which windows of held alerts were last looked at, in ns since the epoch.
	expired int64
	// began is when the first event came, at recorded time begin, in ns since the epoch.
	began time.Time
	begin int64
	// shown is what the goroutine that shows the progress reads.
	shown struct {
		file   atomic.Pointer[replay.File]
		name   atomic.Pointer[string]
		events atomic.Uint64
	}
}

// Replay gives recorded events to the rules, and their alerts to the outputs, at recorded time. It needs neither root nor a kernel.
// An error about a file comes after all that could be read before it was walked.
func Replay(ctx context.Context, settings Settings, what ReplaySettings) error {
	settings.replaying = true
	r := &replayer{sensor: &sensor{Settings: settings, started: time.Now()}, settings: what, scratch: engine.NewScratch()}
	for _, step := range []func(context.Context) error{r.loadRules, r.openOutputs, r.serveAlerts} {
		if err := step(ctx); err != nil {
			return errors.Join(err, r.closeAlerts())
		}
	}
	r.alerts.now = func(ev *event.Event) time.Time { return time.Unix(0, ev.Time) }
	defer context.AfterFunc(ctx, r.alerts.outputs.queue.Hurry)()
	var aside sync.WaitGroup
	running, end := context.WithCancel(ctx)
	if what.Progress != nil {
		aside.Go(func() { r.showProgress(running) })
	}
	err := r.walkFiles(ctx)
	end()
	aside.Wait()
	err = errors.Join(err, r.closeAlerts())
	r.summary()
	return err
}

func (r *replayer) walkFiles(ctx context.Context) error {
	for _, path := range r.settings.Files {
		if err := r.walkFile(ctx, path); err != nil {
			return err
		}
	}
	return nil
}

// walkFile gives a file's events to the rules, until its end or the context's.
func (r *replayer) walkFile(ctx context.Context, path string) error {
	file, err := replay.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	r.shown.name.Store(&path)
	r.shown.file.Store(file)
	r.Log.Info("replay", zap.String("file", path))
	g := r.first
	var ev *event.Event
	onMatch := func(rule *engine.Rule) {
		r.stats.Matched++
		r.alerts.emit(g.alerts, rule, ev)
	}
	for {
		if ev, err = file.Next(); err != nil {
			break
		}
		if r.stats.Events++; r.stats.Events%looks == 0 {
			if r.shown.events.Store(r.stats.Events); ctx.Err() != nil {
				break
			}
		}
		if !r.await(ctx, ev.Time) {
			break
		}
		if g.rules.MayMatch(ev.Type) {
			g.rules.Match(ev, r.scratch, onMatch)
		}
	}
	if c, ok := file.Source.(*replay.Capture); ok && c.Lost() != (replay.Lost{}) {
		l := c.Lost()
		r.Log.Warn("not all of a capture is shown", zap.String("file", path), zap.Uint64("events_not_converted", l.Unconverted),
			zap.Uint64("events_unknown", l.Skipped.Events), zap.Uint64("blocks_unknown", l.Skipped.Blocks),
			zap.Uint64("calls_forgotten", l.Evicted), zap.Uint64("threads", l.Threads),
			zap.Uint64("descriptors", l.Descriptors), zap.Uint64("malformed_parameters", l.Malformed))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("replay %s: %w", path, err)
	}
	return nil
}

// await waits until an event is due, and ends the windows of held alerts that are over by then. It returns false if the run ends first.
func (r *replayer) await(ctx context.Context, at int64) bool {
	if at-r.expired >= int64(tickInterval) || at < r.expired {
		r.expired = at
		r.alerts.dedup.Expire(time.Unix(0, at))
	}
	if r.settings.Speed <= 0 {
		return true
	}
	if r.began.IsZero() {
		r.began, r.begin = time.Now(), at
	}
	due := time.Duration(float64(at-r.begin) / r.settings.Speed)
	wait := due - time.Since(r.began)
	if wait < time.Millisecond {
		return ctx.Err() == nil
	}
	select {
	case <-time.After(wait):
		return true
	case <-ctx.Done():
		return false
	}
}

// showProgress tells of it until the context ends, and once more.
func (r *replayer) showProgress(ctx context.Context) {
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			done = true
		}
		p := Progress{Events: r.shown.events.Load(), Since: time.Since(r.started), Done: done}
		if f := r.shown.file.Load(); f != nil {
			p.Read, p.Size = f.Progress()
			p.File = *r.shown.name.Load()
		}
		r.settings.Progress(p)
	}
}

// summary writes the text at the end.
func (r *replayer) summary() {
	s := &report.Snapshot{
		Stats: r.stats, Queue: r.alerts.counters(), Dedup: r.alerts.dedup.Counters(), Redacted: r.alerts.redacted.Load(),
		Rules: r.first.rules.Rules(),
	}
	s.WriteReplaySummary(r.Stderr)
}
