package sensor

import (
	"context"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/saker-sensor/saker/internal/alias"
	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/enrich"
	"github.com/saker-sensor/saker/internal/guard"
	"github.com/saker-sensor/saker/internal/metrics"
	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/process"
	"github.com/saker-sensor/saker/internal/setup"
)

// snapshot is what the loop shows to other goroutines, once a second. Nobody changes it any more.
type snapshot struct {
	at      guard.Moment
	wall    time.Time
	stats   Stats
	kernel  probe.Counters
	table   process.Counters
	watch   WatchCounts
	stalled string
	// overwritten is the number of times that a ring's unread records were written over.
	overwritten uint64
	coverage    []setup.Lost
	// patience is how late the loop may be until it counts as stuck.
	patience time.Duration
	// queue, rules, reloaded and files are those of the generation that runs.
	queue    output.QueueCounters
	rules    []*engine.Rule
	reloaded time.Time
	files    []loadedFile
	dedup    output.DedupCounters
	redacted uint64
	names    alias.Counters
	reloads  reloads
	// logErrors are lines of the sensor's own log that could not be written.
	logErrors uint64
}

// publish shows the loop's counts.
func (s *sensor) publish() {
	s.published.Store(&snapshot{
		at: s.watch.last, wall: time.Now(), stats: s.loop.stats, kernel: s.kernel, table: s.table.Counters(), watch: s.watch.counts,
		stalled: s.watch.stalled, overwritten: s.probe.Critical().Overwritten() + s.probe.Bulk().Overwritten(), coverage: s.coverage,
		queue: s.alerts.counters(), rules: s.rules.Rules(), reloaded: s.reloaded, files: s.files,
		dedup: s.alerts.dedup.Counters(), redacted: s.alerts.redacted.Load(), names: s.names.Counters(), reloads: s.reloads,
		patience: max(2*s.Config.Guard.CanaryInterval, 10*time.Second), logErrors: s.logErrors(),
	})
}

func (s *sensor) logErrors() uint64 {
	if s.LogErrors == nil {
		return 0
	}
	return s.LogErrors()
}

// alive is when the loop last ran.
func (s *sensor) alive() (guard.Moment, time.Time) {
	last := s.published.Load()
	if last == nil {
		return guard.Now(), time.Now()
	}
	return last.at, last.wall
}

// scrape is what the metrics are made of.
type scrape struct {
	*snapshot
	enrich   enrich.Counters
	runtimes []enrich.Status
	// pods is nil where the API server is not asked.
	pods    *podScrape
	version string
	started time.Time
	process processFacts
}

func (s *sensor) scrape() *scrape {
	last := s.published.Load()
	if last == nil {
		return nil
	}
	return &scrape{last, s.enrich.Counters(), s.enrich.Status(), s.podCounters(), s.Version, s.started, readProcess()}
}

// serve starts the web server.
func (s *sensor) serve(ctx context.Context) error {
	cfg := &s.Config.Webserver
	if !cfg.Enabled {
		return nil
	}
	settings := metrics.Settings{
		Address:    net.JoinHostPort(cfg.ListenAddress, strconv.Itoa(cfg.ListenPort)),
		HealthPath: cfg.HealthzEndpoint,
		Health:     s.health,
		Degraded:   s.degraded,
		// As in Falco, "engine_version" is the minor number alone: the engine's version was one number once.
		Versions: map[string]string{
			"engine_version": strings.Split(rulefile.Version, ".")[1], "engine_version_semver": rulefile.Version, "falco_version": s.Version, "saker_version": s.Version,
		},
		Log: s.Log,
	}
	if cfg.SSLEnabled {
		settings.Certificate = cfg.SSLCertificate
	}
	if cfg.PrometheusMetrics && s.Config.Metrics.Enabled {
		settings.Metrics = metrics.Collector(shown(&s.Config.Metrics), s.scrape)
	}
	var err error
	s.server, err = metrics.Start(context.WithoutCancel(ctx), settings) // teardown ends it
	return err
}

func (s *sensor) closeServer() error {
	ctx, cancel := context.WithTimeout(context.Background(), serveDeadline)
	defer cancel()
	return s.server.Close(ctx)
}

// shown are the families that the configuration asks for.
func shown(cfg *config.Metrics) []metrics.Family[scrape] {
	on := map[string]bool{
		"": true, rulesSwitch: cfg.RulesCounters, resourceSwitch: cfg.ResourceUtilization, stateSwitch: cfg.StateCounters,
		kernelSwitch: cfg.KernelEventCounters,
	}
	var out []metrics.Family[scrape]
	for _, f := range families() {
		if on[f.Switch] {
			out = append(out, f)
		}
	}
	return out
}
