// Package sensor puts the rooms together: the list of steps that start it, the loop, and the list that takes it down.
package sensor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/alias"
	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/decode"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/enrich"
	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/guard"
	"github.com/saker-sensor/saker/internal/hosts"
	"github.com/saker-sensor/saker/internal/metrics"
	"github.com/saker-sensor/saker/internal/narrow"
	"github.com/saker-sensor/saker/internal/pods"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/process"
	"github.com/saker-sensor/saker/internal/report"
	"github.com/saker-sensor/saker/internal/setup"
)

// Settings of a run.
type Settings struct {
	Config  config.Config
	Version string
	// DryRun loads everything and attaches nothing.
	DryRun bool
	// Stdout gets alerts and nothing else; Stderr the exit text, and what sinks say.
	Stdout, Stderr io.Writer
	// Files are those that Config was read from. Reread reads them anew; nil keeps the Config.
	Files  []string
	Reread func() (*Reloaded, error)
	// Reopen asks to open the alert file anew (SIGUSR1), Hangup to reload (SIGHUP). May be nil.
	Reopen, Hangup <-chan os.Signal
	Log            *zap.Logger
	// LogErrors is how many lines of Log could not be written since the start; nil if nobody counts them. Any goroutine may ask.
	LogErrors func() uint64
	// Record has the events written to a file instead of given to rules; nil does not.
	Record *RecordSettings

	// replaying: events are recorded ones, which can wait.
	replaying bool
}

// How long teardown waits: for events that wait for their container, and for the sinks.
const (
	holdDeadline = time.Second
	sinkDeadline = 5 * time.Second
	// serveDeadline is for requests that are being answered.
	serveDeadline = time.Second
)

// runtimesLimit bounds how long the start waits for the runtimes that are there to name their containers.
const runtimesLimit = 500 * time.Millisecond

// sensor is a run from its start to its end.
type sensor struct {
	Settings
	started time.Time
	// first is what the run starts with; nil once the loop runs, which knows the latest generation.
	first *generation

	probe  *probe.Probe
	table  *process.Table
	enrich *enrich.Enricher
	names  *alias.Finder
	// pods is nil where no source of pods is asked.
	pods   *pods.Watcher
	hosts  *hosts.Watcher
	alerts *alerts
	loop   *loop
	// feeds are the sources that are no kernel.
	feeds feeds

	// recorder is nil unless events are recorded.
	recorder  *recorder
	reloader  *reloader
	heartbeat *heartbeat
	server    *metrics.Server

	// The loop's goroutine alone uses what follows, but for the snapshot that it publishes.
	check    *selfCheck
	reporter *report.Reporter
	top      topFeed
	reloads  report.Reloads
	// coverage is what the kernel's refusals cost, kernel what the kernel had counted when it was last asked.
	coverage  []setup.Lost
	kernel    probe.Counters
	published atomic.Pointer[report.Snapshot]
}

// Run loads the rules, captures until the context ends, and takes everything down again. Nothing runs any more when it
// returns. An error at the start is one line with the remedy, and nothing was attached or has been detached again.
func Run(ctx context.Context, settings Settings) error {
	s := &sensor{Settings: settings, started: time.Now()}
	enabled, err := setup.Enabled(&s.Config)
	if err != nil {
		return err
	}
	s.feeds.enabled = enabled
	if !enabled[rulefile.SyscallSource] {
		return runWithoutKernel(ctx, s)
	}
	for _, step := range s.startUp() {
		begin := time.Now()
		if err := step.do(ctx); err != nil {
			return errors.Join(err, s.teardown())
		}
		s.Log.Debug("step done", zap.String("step", step.what), zap.Duration("took", time.Since(begin)))
	}
	if s.DryRun {
		s.Log.Info("dry run: everything loads")
		return s.teardown()
	}
	return errors.Join(s.capture(ctx), s.teardown())
}

// startStep is a step of the start; stopStep one of the teardown, which has nothing to do where its part was not started.
type startStep struct {
	what string
	do   func(context.Context) error
}

type stopStep struct {
	what string
	do   func() error
}

// startUp lists the steps of the start. A dry run attaches nothing.
func (s *sensor) startUp() []startStep {
	steps := []startStep{
		{"watch the files", s.watchFiles},
		{"load the rules", s.loadRules},
		{"open the outputs", s.openOutputs},
		{"open the recording", s.openRecording},
		{"open the sources", s.openFeeds},
		{"load the kernel programs", s.loadProbe},
	}
	if s.DryRun {
		return steps
	}
	return append(steps,
		startStep{"serve alerts", s.serveAlerts},
		startStep{"attach the kernel programs", s.attach},
		startStep{"read the cgroups and accounts", s.openEnrich},
		startStep{"read the mounts and the watched files", s.openNames},
		startStep{"read the running processes", s.seed},
		startStep{"watch the node's pods", s.openPods},
		startStep{"look up the host names of rules", s.openHosts},
		startStep{"read how the last run ended", s.openHeartbeat},
		startStep{"serve health and metrics", s.serve},
		startStep{"serve sensor top", s.serveTop},
		startStep{"confine the sensor", s.confine},
	)
}

// teardown takes every step, whatever failed before: detach, read the rings to their end, let go of what waits, flush
// what is held back and the sinks, and say what was seen and lost.
func (s *sensor) teardown() error {
	var blind guard.Moment // from when on nothing is watched
	var blindTime time.Time
	steps := []stopStep{
		{"end the watching of files", s.reloader.close},
		{"detach the kernel programs", s.detach},
		{"note the end", func() error { blind, blindTime = guard.Now(), time.Now(); return nil }},
		{"end health and metrics", s.closeServer},
		{"end sensor top", s.top.close},
		{"read the rings to their end", s.finish},
		{"end the enricher", s.closeEnrich},
		{"end the names", s.closeNames},
		{"end the watch of pods", s.closePods},
		{"end the look-ups of host names", s.closeHosts},
		{"end the sources", s.feeds.close},
		{"flush and close the outputs", s.closeAlerts},
		{"flush and close the recording", s.closeRecording},
		{"end the captures", s.closeCaptures},
		{"say what was seen and lost", s.summary},
		{"unload the kernel programs", s.closeProbe},
		{"write how this run ended", func() error { return s.closeHeartbeat(blind, blindTime) }},
	}
	var errs []error
	for _, step := range steps {
		begin := time.Now()
		errs = append(errs, step.do())
		s.Log.Debug("step done", zap.String("step", step.what), zap.Duration("took", time.Since(begin)))
	}
	return errors.Join(errs...)
}

func (s *sensor) loadRules(context.Context) error {
	var err error
	s.first, err = s.loadGeneration(&s.Config, s.Files)
	return err
}

// warnAbout logs what is doubtful about rule files.
func (s *sensor) warnAbout(results *rulefile.Results) {
	for i := range results.Files {
		for j := range results.Files[i].Warnings {
			w := &results.Files[i].Warnings[j]
			at := w.At()
			s.Log.Warn("rule file", zap.String("at", fmt.Sprintf("%s:%d:%d", at.File, at.Line, at.Column)),
				zap.String("code", string(w.Code)), zap.String("message", w.Message))
		}
	}
}

func (s *sensor) openOutputs(context.Context) error {
	var err error
	if s.alerts, err = openAlerts(&s.Settings, s.first.rules); err != nil {
		return err
	}
	s.first.alerts = s.alerts.latest
	return nil
}

func (s *sensor) serveAlerts(context.Context) error {
	s.alerts.outputs.serve()
	return nil
}

func (s *sensor) loadProbe(context.Context) error {
	settings, err := setup.Probe(&s.Config, s.first.narrow)
	if err != nil {
		return err
	}
	settings.Caller = s.callerParts(s.first.rules, s.first.alerts)
	if s.probe, err = probe.Load(settings); err != nil {
		return err
	}
	s.reportCoverage(s.first.narrow.Rules)
	return nil
}

func (s *sensor) attach(context.Context) error {
	err := s.probe.Attach()
	s.reportCoverage(s.first.narrow.Rules)
	return err
}

// openEnrich comes after attach: the kernel also reports a cgroup that is made during the scan.
func (s *sensor) openEnrich(ctx context.Context) error {
	hierarchy, err := cgroup.FindHierarchy(config.HostRoot())
	if err != nil {
		return err
	}
	settings := enrich.Settings{Hierarchy: hierarchy, HostRoot: config.HostRoot(), Runtimes: setup.Runtimes(&s.Config.Engines)}
	if s.enrich, err = enrich.New(settings); err != nil {
		return err
	}
	s.enrich.Start(context.WithoutCancel(ctx)) // teardown ends it, once the last event has walked
	s.enrich.WaitForRuntimes(runtimesLimit)
	return nil
}

// openNames learns where the host's file systems are mounted, and which files have the names that rules ask for.
func (s *sensor) openNames(ctx context.Context) error {
	var err error
	if s.names, err = alias.New(alias.Settings{Watch: setup.WatchedNames(s.first.rules), Publish: s.publishMounts}); err != nil {
		return err
	}
	return s.names.Start(context.WithoutCancel(ctx))
}

// publishMounts tells the kernel's side where the host has its file systems.
func (s *sensor) publishMounts(places []alias.Place) {
	mounts := make([]narrow.Mount, len(places))
	for i, p := range places {
		mounts[i] = narrow.Mount(p)
	}
	s.probe.SetMountPoints(narrow.MountPoints(mounts))
}

// seed fills the process table with what runs already.
func (s *sensor) seed(context.Context) error {
	s.table = process.NewTable(process.Settings{})
	var dec decode.Decoder
	var rec event.Record
	err := s.probe.Tasks(func(raw []byte) error {
		if err := dec.Decode(raw, &rec); err != nil {
			return err
		}
		s.table.Apply(&rec)
		return nil
	})
	if err != nil {
		s.Log.Warn("the task iterator does not work; reading /proc instead", zap.Error(err))
		if err := s.table.SeedFromProc(); err != nil {
			return err
		}
	}
	s.table.Link()
	return nil
}

// capture runs the loop until the context ends.
func (s *sensor) capture(ctx context.Context) error {
	if s.recorder != nil {
		ctx, s.recorder.end = context.WithCancel(ctx)
		defer s.recorder.end()
	}
	s.check = newSelfCheck(s.Config.Guard.CanaryInterval)
	s.reporter = report.NewReporter(&s.Config, &report.Snapshot{At: s.check.last})
	if s.heartbeat != nil {
		s.heartbeat.start(s.alive)
	}
	s.loop = &loop{
		probe: s.probe, table: s.table, enrich: s.enrich, names: s.names, hosts: s.hosts,
		generations: generations{living: []*generation{s.first}},
		emit:        s.alerts.emit, every: s.everySecond, check: s.check,
		verdicts: verdicts{table: s.probe},
	}
	if s.recorder != nil {
		s.loop.emit = s.recorder.emit
	} else {
		s.loop.captures = newCaptures(&s.Config, s.recordingHeader(), s.Log)
	}
	keep := s.recorder != nil || s.loop.captures != nil
	s.loop.critical.dec.KeepRaw, s.loop.bulk.dec.KeepRaw = keep, keep
	s.loop.critical.ring, s.loop.bulk.ring = s.probe.Critical(), s.probe.Bulk()
	if s.pods != nil {
		s.loop.pods = s.pods
	}
	s.loop.prepare()

	stop := make(chan struct{})
	go s.wake(ctx, stop)
	defer close(stop)
	// Nothing is exchanged and no metrics are put out any more when the loop has ended.
	var aside sync.WaitGroup
	running, end := context.WithCancel(ctx)
	defer aside.Wait()
	defer end()
	s.Log.Info("ready", zap.Duration("after", time.Since(s.started)), zap.Int("rules", len(s.first.rules.All())),
		zap.Bool("syscall_hook", s.probe.Syscalls()), zap.String("version", s.Version))
	s.reloader.current = s.first
	s.feeds.start(ctx, s.first)
	aside.Go(func() { s.reloader.run(running) })
	if out := (&report.MetricsOutput{Settings: s.Config.Metrics, Source: s.published.Load, Tell: s.tellFrom}); out.Wanted() {
		aside.Go(func() { out.Run(running) })
	}
	s.first = nil // a reload may replace it
	return s.loop.run(ctx)
}

// wake ends the loop's sleep when the run ends or an answer came that events wait for.
func (s *sensor) wake(ctx context.Context, stop <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			s.probe.Wake()
			return
		case <-s.enrich.Wake():
			s.probe.Wake()
		case <-s.Reopen:
			s.loop.post(s.reopen)
		case <-stop:
			return
		}
	}
}

// reopen opens the alert file anew.
func (s *sensor) reopen() {
	if f := s.alerts.outputs.file; f != nil {
		f.Reopen()
	}
}

// everySecond ends the windows of held alerts, checks the sensor itself, and tells what has changed since the last time.
func (s *sensor) everySecond() error {
	s.alerts.dedup.Expire(time.Now())
	if s.recorder != nil {
		s.recorder.tick()
	}
	if s.loop.captures != nil {
		s.loop.captures.tick(time.Now())
	}
	k, err := s.probe.Counters()
	if err == nil {
		s.kernel = k
	}
	s.check.tick(s.probe, &s.kernel, err)
	now := s.snapshot(err)
	notices, exit := s.reporter.Report(now, s)
	s.tell(notices...)
	s.loop.top = s.top.tick(now, s.loop.latest().rules, s)
	s.published.Store(now)
	return exit
}

// tell writes notices to the log and to the outputs, on the loop's goroutine or while there is no loop.
func (s *sensor) tell(notices ...report.Notice) {
	for _, n := range notices {
		if n.Alert != nil {
			s.alerts.internal(*n.Alert)
		}
		if n.Log != "" {
			s.Log.Log(n.Level, n.Log, n.Fields...)
		}
	}
}

// tellFrom does so from another goroutine.
func (s *sensor) tellFrom(ctx context.Context, notices ...report.Notice) {
	_ = s.loop.do(ctx, func() { s.tell(notices...) }) // it only fails when the run ends
}

// Loser implements [report.Processes].
func (s *sensor) Loser(l *probe.Loser) (ev event.Event, known bool) {
	ev = event.Event{Key: l.Key, Tgid: l.Key.Tgid, CgroupID: l.CgroupID, Process: s.table.Get(l.Key)}
	if ev.Process == nil {
		ev.Process = &event.Process{Key: l.Key, Comm: l.Comm}
	}
	return ev, s.enrich.Attach(&ev) != enrich.Pending
}
