package sensor

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay"
	"github.com/saker-sensor/saker/internal/replay/recording"
	"github.com/saker-sensor/saker/internal/report"
)

// maxCaptures bounds the files that are being written at the same time.
const maxCaptures = 4

// captures write what happens around a match to a file of its own: the events before it, which are in memory, and those after it. They
// belong to the loop's goroutine.
type captures struct {
	settings config.Capture
	header   recording.Header
	log      *zap.Logger
	history  *recording.History
	running  []*capture
	// closing are files whose last blocks are being written.
	closing sync.WaitGroup
	// refused: the log was told that there are too many files; it is told again when one was begun.
	refused bool
	// counts are read by the loop and changed by the goroutines that close files.
	counts struct{ begun, refused, recorded, lost atomic.Uint64 }
}

// counters are zero where nothing is captured.
func (c *captures) counters() report.Captures {
	if c == nil {
		return report.Captures{}
	}
	return report.Captures{
		Begun: c.counts.begun.Load(), Refused: c.counts.refused.Load(), Recorded: c.counts.recorded.Load(), Lost: c.counts.lost.Load(),
	}
}

// capture is a file that is being written.
type capture struct {
	file *recording.Recorder
	path string
	// container is the only one whose events are written; empty for all.
	container string
	end       captureEnd
	// after is the number of events since the match that began it.
	after uint64
}

// captureEnd is what ends a capture, whichever comes first: the time of the last event, in ns since the epoch, the number of events after
// the match, and the size of the file, as far as it is written.
type captureEnd struct {
	time   int64
	events uint64
	bytes  int64
}

// endOf is the end that a rule asks for, from an event on that comes after so many others.
func (c *captures) endOf(rule *engine.Rule, at int64, after uint64) captureEnd {
	or := func(own uint32, general int) int64 {
		if own > 0 {
			return int64(own)
		}
		return int64(general)
	}
	l, s := &rule.CaptureLimits, &c.settings
	e := captureEnd{time: at + or(l.Duration, s.DefaultDuration)*1e6, events: math.MaxUint64, bytes: math.MaxInt64}
	if n := or(l.Events, s.DefaultEvents); n > 0 {
		e.events = after + uint64(n)
	}
	if n := or(l.Filesize, s.DefaultFilesize); n > 0 {
		e.bytes = n * 1000
	}
	return e
}

// extend lets a capture go on to another end, if that is later.
func (e *captureEnd) extend(to captureEnd) {
	e.time, e.events, e.bytes = max(e.time, to.time), max(e.events, to.events), max(e.bytes, to.bytes)
}

// over tells whether a capture has come to its end by a time.
func (r *capture) over(at int64) bool {
	return at > r.end.time || r.after >= r.end.events || r.file.Over() || r.file.Counters().Bytes >= r.end.bytes
}

// newCaptures is nil if nothing is to be captured.
func newCaptures(cfg *config.Config, header recording.Header, log *zap.Logger) *captures {
	if !cfg.Capture.Enabled {
		return nil
	}
	c := &captures{settings: cfg.Capture, header: header, log: log}
	c.history = recording.NewHistory(cfg.Capture.BeforeMB<<20, int64(cfg.Capture.Before)*1e6)
	return c
}

// add takes an event before its rules are tried.
func (c *captures) add(ev *event.Event) {
	c.history.Add(ev)
	for i := 0; i < len(c.running); i++ {
		r := c.running[i]
		if r.over(ev.Time) {
			c.end(i)
			i--
		} else if r.container == "" || r.container == ev.ContainerID {
			r.file.Record(ev)
			r.after++
		}
	}
}

// matched begins a file for a rule that asks for one, or lets the one that is being written go on.
func (c *captures) matched(rule *engine.Rule, ev *event.Event) {
	if !rule.Capture && c.settings.Mode != config.CaptureAllRules {
		return
	}
	container := ""
	if c.settings.PerContainer {
		container = ev.ContainerID
	}
	for _, r := range c.running {
		if r.container == container {
			r.end.extend(c.endOf(rule, ev.Time, r.after))
			return
		}
	}
	if err := c.begin(rule, ev, container); err != nil {
		c.counts.refused.Add(1)
		if !c.refused {
			c.log.Warn("a match is not captured", zap.String("rule", rule.Name), zap.Error(err))
		}
		c.refused = true
	}
}

// begin opens a file and writes what is in memory, the match itself last.
func (c *captures) begin(rule *engine.Rule, ev *event.Event, container string) error {
	if len(c.running) == maxCaptures {
		return fmt.Errorf("%d captures are being written", maxCaptures)
	}
	prefix := c.settings.PathPrefix
	there := 0
	for _, suffix := range [...]string{captureSuffix, scapSuffix} {
		found, err := filepath.Glob(globQuoted(prefix) + "_*" + suffix)
		if err == nil { // the pattern is ours
			there += len(found)
		}
	}
	if there >= c.settings.MaxFiles {
		return fmt.Errorf("%d files of earlier matches are there; take some away, or raise capture.max_files", there)
	}
	r := &capture{path: fmt.Sprintf("%s_%d_%d%s", prefix, ev.Time, ev.Num, captureSuffix), container: container}
	r.end = c.endOf(rule, ev.Time, 0)
	header := c.header
	header.Filter, header.Started = "around a match of: "+rule.Name, ev.Time
	var err error
	r.file, err = recording.NewRecorder(recording.Settings{
		Path: r.path, Header: header, MaxBytes: int64(c.settings.MaxFileSizeMB) << 20, Blocks: c.settings.BeforeMB/2 + 2,
		Failed: func(err error) { c.log.Error("a capture is not complete", zap.String("file", r.path), zap.Error(err)) },
	})
	if err != nil {
		return err
	}
	c.history.Each(func(e *recording.Entry) {
		if container == "" || e.Place.ContainerID == container {
			r.file.RecordEntry(e)
		}
	})
	c.running, c.refused = append(c.running, r), false
	c.counts.begun.Add(1)
	c.log.Info("capture begins", zap.String("file", r.path), zap.String("rule", rule.Name))
	return nil
}

// What ends the names of captures, by format.
const (
	captureSuffix = ".skr"
	scapSuffix    = ".scap"
)

// globQuoted is a path in which nothing is a pattern.
func globQuoted(path string) string {
	var out []rune
	for _, r := range path {
		if r == '*' || r == '?' || r == '[' || r == '\\' {
			out = append(out, '\\')
		}
		out = append(out, r)
	}
	return string(out)
}

// tick comes about once a second: what is due is written, and files end whose time is over.
func (c *captures) tick(now time.Time) {
	for i := 0; i < len(c.running); i++ {
		if c.running[i].over(now.UnixNano()) {
			c.end(i)
			i--
		} else {
			c.running[i].file.Tick(now)
		}
	}
}

// end closes a file, in a goroutine: the disk may be slow.
func (c *captures) end(i int) {
	r := c.running[i]
	c.running = append(c.running[:i], c.running[i+1:]...)
	c.closing.Go(func() {
		path, err := r.path, r.file.Close()
		if err == nil && c.settings.Format == config.CaptureScap {
			path, err = toScap(r.path)
		}
		n := r.file.Counters()
		c.counts.recorded.Add(n.Recorded)
		c.counts.lost.Add(n.Lost)
		fields := []zap.Field{
			zap.String("file", path), zap.Uint64("events", n.Recorded), zap.Int64("bytes", n.Bytes), zap.Uint64("lost", n.Lost),
		}
		if err != nil || n.Lost > 0 {
			c.log.Warn("capture ended, not complete", append(fields, zap.Error(err))...)
			return
		}
		c.log.Info("capture ended", fields...)
	})
}

// toScap puts a capture in place of a recording, which stays if that fails.
func toScap(path string) (string, error) {
	out := strings.TrimSuffix(path, captureSuffix) + scapSuffix
	if _, err := replay.Convert(path, out, false); err != nil {
		return path, errors.Join(err, os.Remove(out))
	}
	return out, os.Remove(path)
}

// close ends all files and waits for the disk.
func (c *captures) close() error {
	if c == nil {
		return nil
	}
	for len(c.running) > 0 {
		c.end(0)
	}
	c.closing.Wait()
	return nil
}
