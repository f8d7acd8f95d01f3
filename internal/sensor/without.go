package sensor

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/guard"
	"github.com/saker-sensor/saker/internal/report"
)

// withoutKernel is a sensor whose sources are no kernel: it needs no kernel programs, no processes and no root. Its loop has the clock, the
// reloads and the outputs' state; the feeds walk beside it.
type withoutKernel struct {
	*sensor
	current *generation
	inbox   chan func()
}

// idlePatience is how late the loop may be before it counts as stuck.
const idlePatience = 10 * time.Second

// runWithoutKernel is [Run] without the kernel's events. It ends with the context, or when all sources have ended.
func runWithoutKernel(ctx context.Context, s *sensor) error {
	w := &withoutKernel{sensor: s, inbox: make(chan func(), 16)}
	err := w.startUp(ctx)
	if err == nil && !s.DryRun {
		err = w.run(ctx)
	}
	if err == nil && s.DryRun {
		s.Log.Info("dry run: everything loads")
	}
	return errors.Join(err, w.teardown())
}

func (w *withoutKernel) startUp(ctx context.Context) error {
	steps := []startStep{
		{"watch the files", w.watchFiles}, {"load the rules", w.loadRules}, {"open the outputs", w.openOutputs},
		{"open the sources", w.openFeeds},
	}
	if !w.DryRun {
		steps = append(steps, startStep{"serve alerts", w.serveAlerts}, startStep{"serve health and metrics", w.serve})
	}
	for _, step := range steps {
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (w *withoutKernel) teardown() error {
	var errs []error
	for _, step := range []func() error{w.closeReloader, w.closeServer, w.feeds.close, w.closeAlerts} {
		errs = append(errs, step())
	}
	if w.current != nil {
		w.snapshot().WriteSourcesSummary(w.Stderr)
	}
	return errors.Join(errs...)
}

func (w *withoutKernel) closeReloader() error {
	if w.reloader == nil {
		return nil
	}
	return w.reloader.close()
}

func (w *withoutKernel) run(ctx context.Context) error {
	w.current, w.first = w.first, nil
	w.reloader.current, w.reloader.sensor = w.current, w
	w.reporter = report.NewReporter(&w.Config, w.snapshot())
	w.published.Store(w.snapshot())

	var aside sync.WaitGroup
	running, end := context.WithCancel(ctx)
	defer aside.Wait()
	defer end()
	w.feeds.start(ctx, w.current)
	ended := make(chan struct{})
	aside.Go(func() { w.feeds.running.Wait(); close(ended) })
	aside.Go(func() { w.reloader.run(running) })
	tell := func(ctx context.Context, notices ...report.Notice) { _ = w.do(ctx, func() { w.tell(notices...) }) }
	if out := (&report.MetricsOutput{Settings: w.Config.Metrics, Source: w.published.Load, Tell: tell}); out.Wanted() {
		aside.Go(func() { out.Run(running) })
	}
	w.Log.Info("ready", zap.Duration("after", time.Since(w.started)), zap.Int("rules", len(w.current.rules.All())),
		zap.Bool("kernel", false), zap.String("version", w.Version))
	return w.loop(ctx, ended)
}

func (w *withoutKernel) loop(ctx context.Context, ended <-chan struct{}) error {
	ticks := time.NewTicker(tickInterval)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ended:
			return w.feeds.err()
		case f := <-w.inbox:
			f()
		case <-w.Reopen:
			w.reopen()
		case <-ticks.C:
			now := w.snapshot()
			notices, err := w.reporter.Report(now, w)
			w.tell(notices...)
			w.published.Store(now)
			if err != nil {
				return err
			}
		}
	}
}

func (w *withoutKernel) snapshot() *report.Snapshot {
	g := w.current
	return &report.Snapshot{
		At: guard.Now(), Wall: time.Now(), Started: w.started, Version: w.Version, BootTime: bootTime(), Patience: idlePatience,
		Queue: w.alerts.counters(), Dedup: w.alerts.dedup.Counters(), Redacted: w.alerts.redacted.Load(), Reloads: w.reloads,
		LogErrors: w.logErrors(), Sources: w.feeds.counts(), Rules: g.rules.All(), Files: g.files, Reloaded: g.loaded,
	}
}

// do has the loop do something, and waits until it is done.
func (w *withoutKernel) do(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case w.inbox <- func() { f(); close(done) }:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// prepare implements [reloadable].
func (w *withoutKernel) prepare(current *generation, cfg *config.Config, files []string) (*renewal, error) {
	g, err := w.loadGeneration(cfg, files)
	if err != nil {
		return nil, err
	}
	if g.alerts, err = newRendering(cfg, g.rules, w.alerts.redacted); err != nil {
		return nil, err
	}
	next := &renewal{generation: g}
	if !sameOutputs(&current.config, cfg) {
		next.outputs, err = openOutputs(cfg, &w.Settings, w.alerts.outputs)
	}
	return next, err
}

// exchange implements [reloadable].
func (w *withoutKernel) exchange(ctx context.Context, next *renewal) error {
	var retired *outputs
	err := w.do(ctx, func() {
		next.loaded = time.Now()
		w.current = next.generation
		retired = w.alerts.exchange(next.alerts, next.outputs)
		w.feeds.exchange(next.generation)
		w.reloads.Done++
		w.reporter.Configure(&next.config)
	})
	if err != nil {
		return err // the sensor ends
	}
	if retired != nil {
		err = w.alerts.retire(retired)
		w.alerts.outputs.serve()
	}
	w.Log.Info("reloaded", zap.Duration("after", time.Since(next.begun)), zap.Int("rules", len(next.rules.All())),
		zap.Bool("outputs", next.outputs != nil))
	return err
}

// refused implements [reloadable].
func (w *withoutKernel) refused() {
	select {
	case w.inbox <- func() { w.reloads.Refused++ }:
	default: // the loop has ended
	}
}
