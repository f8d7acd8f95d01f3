package sensor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/report"
	"github.com/saker-sensor/saker/internal/setup"
	"github.com/saker-sensor/saker/internal/source/document"
)

// eventStream yields the events of a source that is no kernel; see source.Stream.
type eventStream interface {
	Next(context.Context) (*event.Event, error)
	Close() error
}

// feeds are the sources that are no kernel. Each walks in a goroutine of its own, so that none waits for another.
type feeds struct {
	// enabled are the names of the sources that are read, that of the kernel among them.
	enabled map[string]bool
	all     []*feed
	end     context.CancelFunc
	running sync.WaitGroup
}

// feed is the walk of the events of one source: source → match → render.
type feed struct {
	eventStream
	name   string
	log    *zap.Logger
	alerts *alerts
	// current are the rules of all sources; a reload exchanges them.
	current                    atomic.Pointer[generation]
	events, matched, malformed atomic.Uint64
	// failed is why the source ended; nil while it runs, and when it came to its end.
	failed atomic.Pointer[error]
}

// openFeeds opens the sources of the loaded plugins.
func (s *sensor) openFeeds(context.Context) error {
	for _, line := range setup.UnknownPlugins(&s.Config) {
		s.Log.Warn("configuration: " + line)
	}
	for _, src := range setup.EventSources(&s.Config) {
		if !s.feeds.enabled[src.Name] || s.DryRun || s.Record != nil {
			continue
		}
		opened, err := src.Open()
		if err != nil {
			return err
		}
		s.Log.Info("the plugin is built in", zap.String("plugin", src.Plugin), zap.String("version", src.Version), zap.String("source", src.Name))
		s.feeds.all = append(s.feeds.all, &feed{eventStream: opened, name: src.Name, log: s.Log, alerts: s.alerts})
	}
	return nil
}

// start begins to read, until close or the context's end.
func (f *feeds) start(ctx context.Context, g *generation) {
	ctx, f.end = context.WithCancel(ctx)
	for _, st := range f.all {
		st.current.Store(g)
		f.running.Go(func() { st.run(ctx) })
	}
}

// exchange goes on with other rules.
func (f *feeds) exchange(g *generation) {
	for _, st := range f.all {
		st.current.Store(g)
	}
}

// close ends all; what they have taken over is read before.
func (f *feeds) close() error {
	if f.end != nil {
		f.end()
		f.running.Wait()
	}
	var errs []error
	for _, st := range f.all {
		errs = append(errs, st.Close())
	}
	return errors.Join(errs...)
}

// counts are what the sources did.
func (f *feeds) counts() (all []report.Source) {
	for _, st := range f.all {
		c := report.Source{Name: st.name, Events: st.events.Load(), Matched: st.matched.Load(), Malformed: st.malformed.Load()}
		if err := st.failed.Load(); err != nil {
			c.Err = *err
		}
		all = append(all, c)
	}
	return all
}

// err is why sources ended before their end.
func (f *feeds) err() error {
	var errs []error
	for _, c := range f.counts() {
		if c.Err != nil {
			errs = append(errs, fmt.Errorf("source %s: %w", c.Name, c.Err))
		}
	}
	return errors.Join(errs...)
}

func (f *feed) run(ctx context.Context) {
	scratch, memory := engine.NewScratch(), &texts{}
	var ev *event.Event
	var g *generation
	var rules *engine.Ruleset
	onMatch := func(r *engine.Rule) {
		f.matched.Add(1)
		f.alerts.send(g.alerts, r, ev, memory)
	}
	var first, previous uint64
	for {
		var err error
		if ev, err = f.Next(ctx); err != nil {
			if f.goesOn(ctx, err) {
				continue
			}
			return
		}
		if ev.Num = f.events.Add(1); ev.Num == 1 {
			first, previous = ev.Boot, ev.Boot
		}
		ev.First, ev.Previous = first, previous
		previous = ev.Boot
		if now := f.current.Load(); now != g {
			g, rules = now, now.rules.Of(f.name)
		}
		rules.Match(ev, scratch, onMatch)
	}
}

// goesOn tells whether more may come behind an error, and notes it.
func (f *feed) goesOn(ctx context.Context, err error) bool {
	var bad *document.Malformed
	switch {
	case errors.As(err, &bad):
		if f.malformed.Add(1) == 1 {
			f.log.Warn("a part of a source's input is no event of it and is skipped; more of them are counted only",
				zap.String("source", f.name), zap.Error(err))
		}
		return true
	case errors.Is(err, io.EOF):
		f.log.Info("a source has ended", zap.String("source", f.name), zap.Uint64("events", f.events.Load()))
	case ctx.Err() != nil:
	default:
		f.failed.Store(&err)
		f.log.Error("a source failed, and is not read any more", zap.String("source", f.name), zap.Error(err))
	}
	return false
}
