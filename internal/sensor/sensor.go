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
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/enrich"
	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/guard"
	"github.com/saker-sensor/saker/internal/metrics"
	"github.com/saker-sensor/saker/internal/narrow"
	"github.com/saker-sensor/saker/internal/pods"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/process"
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
	rules   *engine.Ruleset
	narrow  []narrow.Rule
	probe   *probe.Probe
	table   *process.Table
	enrich  *enrich.Enricher
	names   *alias.Finder
	alerts  *alerts
	loop    *loop
	losses  losses
	silence silence
	looked  looked
	outages outages
	reloads reloads
	// reloader is there from the first step on.
	reloader *reloader
	// pods is nil unless the API server is asked; podState is what was last said of it.
	pods     *pods.Watcher
	podState pods.State
	kin      kinReport
	// runtimes are those that enrich asks.
	runtimes runtimeReport
	// coverage is what the kernel's refusals cost.
	coverage []setup.Lost
	// kernel is what the kernel had counted when it was last asked.
	kernel probe.Counters
	// reloaded is when the rules that run were loaded.
	reloaded time.Time
	// files are those that run, with their digests.
	files []loadedFile
	// watch is nil before the loop runs.
	watch     *watch
	heartbeat *heartbeat
	server    *metrics.Server
	published atomic.Pointer[snapshot]
}

// step of the start; its stop, if any, undoes it.
type step struct {
	what  string
	start func(context.Context) error
}

// Run loads the rules, captures until the context ends, and takes everything down again. Nothing runs any more when it
// returns. An error at the start is one line with the remedy, and nothing was attached or has been detached again.
func Run(ctx context.Context, settings Settings) error {
	s := &sensor{Settings: settings, started: time.Now(), outages: outages{}}
	steps := []step{
		{"watch the files", s.watchFiles},
		{"load the rules", s.loadRules},
		{"open the outputs", s.openOutputs},
		{"load the kernel programs", s.loadProbe},
	}
	if !s.DryRun {
		steps = append(steps,
			step{"serve alerts", s.serveAlerts},
			step{"attach the kernel programs", s.attach},
			step{"read the cgroups and accounts", s.openEnrich},
			step{"read the mounts and the watched files", s.openNames},
			step{"read the running processes", s.seed},
			step{"watch the node's pods", s.openPods},
			step{"read how the last run ended", s.openHeartbeat},
			step{"serve health and metrics", s.serve},
			step{"serve those who look", s.serveTop},
			step{"confine the sensor", s.confine},
		)
	}
	for _, st := range steps {
		begin := time.Now()
		if err := st.start(ctx); err != nil {
			return errors.Join(err, s.teardown())
		}
		s.Log.Debug("step done", zap.String("step", st.what), zap.Duration("took", time.Since(begin)))
	}
	if s.DryRun {
		s.Log.Info("dry run: everything loads")
		return s.teardown()
	}
	return errors.Join(s.capture(ctx), s.teardown())
}

func (s *sensor) loadRules(context.Context) error {
	rules, results := setup.Rules(s.Config)
	s.warnAbout(&results)
	if !results.Successful() {
		return setup.RulesError(&results)
	}
	for _, line := range setup.UnknownNames(&s.Config, rules) {
		s.Log.Warn("configuration: " + line)
	}
	s.rules, s.reloaded, s.files = rules, time.Now(), loadedFiles(&s.Config, s.Files)
	return nil
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
	s.alerts, err = openAlerts(&s.Settings, s.rules)
	return err
}

func (s *sensor) serveAlerts(context.Context) error {
	s.alerts.outputs.serve()
	return nil
}

func (s *sensor) loadProbe(context.Context) error {
	var err error
	if s.narrow, err = setup.Narrow(s.Config, s.rules); err != nil {
		return err
	}
	settings, err := setup.Probe(&s.Config, s.narrow)
	if err != nil {
		return err
	}
	if s.probe, err = probe.Load(settings); err != nil {
		return err
	}
	s.reportCoverage()
	return nil
}

func (s *sensor) attach(context.Context) error {
	err := s.probe.Attach()
	s.reportCoverage()
	return err
}

// openEnrich comes after attach: a cgroup made during its scan is told by the kernel too.
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
	if s.names, err = alias.New(alias.Settings{Watch: setup.WatchedNames(s.rules)}); err != nil {
		return err
	}
	return s.names.Start(context.WithoutCancel(ctx))
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
	s.watch = newWatch(s.Config.Guard.CanaryInterval)
	s.losses.configure(s.Config.Drops)
	if s.heartbeat != nil {
		s.heartbeat.start(s.alive)
	}
	s.loop = &loop{
		probe: s.probe, table: s.table, enrich: s.enrich, names: s.names, rules: s.rules, emit: s.alerts.emit, every: s.everySecond, watch: s.watch,
	}
	s.loop.critical.ring, s.loop.bulk.ring = s.probe.Critical(), s.probe.Bulk()
	if s.pods != nil {
		s.loop.pods = s.pods
	}
	s.loop.prepare()

	stop := make(chan struct{})
	go s.wake(ctx, stop)
	defer close(stop)
	// Nothing is exchanged and no snapshot told any more when the loop has ended.
	var aside sync.WaitGroup
	running, end := context.WithCancel(ctx)
	defer aside.Wait()
	defer end()
	s.Log.Info("ready", zap.Duration("after", time.Since(s.started)), zap.Int("rules", len(s.rules.Rules())),
		zap.Bool("syscall_hook", s.probe.Syscalls()), zap.String("version", s.Version))
	aside.Go(func() { s.reloader.run(running) })
	if p := (&snapshots{sensor: s, settings: s.Config.Metrics}); p.wanted() {
		aside.Go(func() { p.run(running) })
	}
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
			s.loop.post(func() {
				if f := s.alerts.outputs.file; f != nil {
					f.Reopen()
				}
			})
		case <-stop:
			return
		}
	}
}

// everySecond ends the windows of held alerts, and looks for new losses, for changes of the runtimes' state, and after itself.
func (s *sensor) everySecond() error {
	s.alerts.dedup.Expire(time.Now())
	var exit error
	k, err := s.probe.Counters()
	if err == nil {
		s.kernel = k
		exit = s.losses.report(s, &k)
	}
	s.silence.report(s)
	s.runtimes.report(s)
	s.reportPods()
	s.kin.report(s)
	s.outages.report(s)
	s.watch.tick(s, &s.kernel, err)
	s.looked.report(s)
	s.publish()
	return exit
}

// teardown runs every step, whatever failed before: detach, read the rings to their end, let go of what waits, flush
// what is held back and the sinks, and say what was seen and lost.
func (s *sensor) teardown() error {
	errs := []error{s.reloader.close()}
	if s.probe != nil {
		errs = append(errs, s.probe.Detach())
	}
	blindAt, blindTime := guard.Now(), time.Now()
	if s.server != nil {
		errs = append(errs, s.closeServer())
	}
	s.looked.close()
	if s.loop != nil {
		s.loop.finish(time.Now().Add(holdDeadline))
		s.watch.reportSignals(s)
	}
	if s.enrich != nil {
		errs = append(errs, s.enrich.Close())
	}
	if s.names != nil {
		if err := s.names.Close(); errors.Is(err, alias.ErrStuck) {
			s.Log.Warn("ending all the same", zap.Error(err))
		} else {
			errs = append(errs, err)
		}
	}
	if s.pods != nil {
		errs = append(errs, s.pods.Close())
	}
	if s.alerts != nil {
		s.alerts.dedup.Flush()
		errs = append(errs, s.alerts.outputs.drain(sinkDeadline, nil))
	}
	if s.loop != nil {
		errs = append(errs, s.summary())
	}
	if s.probe != nil {
		errs = append(errs, s.probe.Close())
	}
	if s.heartbeat != nil {
		errs = append(errs, s.heartbeat.close(blindAt, blindTime))
	}
	return errors.Join(errs...)
}

func (s *sensor) summary() error {
	kernel, err := s.probe.Counters()
	t := Totals{Stats: s.loop.stats, Kernel: kernel, Table: s.table.Counters(), Enrich: s.enrich.Counters(), Names: s.names.Counters(),
		Alerts: s.alerts.counters(), Dedup: s.alerts.dedup.Counters(), Redacted: s.alerts.redacted.Load(), Coverage: s.coverage}
	t.WriteSummary(s.Stderr, s.rules)
	return err
}
