package sensor

import (
	"context"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/guard"
	"github.com/saker-sensor/saker/internal/metrics"
	"github.com/saker-sensor/saker/internal/report"
)

// snapshot makes the state that other goroutines and the reporter see. Of what it holds nothing is changed afterwards.
func (s *sensor) snapshot(kernelErr error) *report.Snapshot {
	c, g := s.check, s.loop.latest()
	now := &report.Snapshot{
		At: c.last, Wall: time.Now(), Started: s.started, Version: s.Version, BootTime: bootTime(),
		Stats: s.loop.stats, Kernel: s.kernel, KernelErr: kernelErr, Table: s.table.Counters(), Enrich: s.enrich.Counters(),
		Names: s.names.Counters(), Hosts: s.hosts.Counters(),
		Queue: s.alerts.counters(), Dedup: s.alerts.dedup.Counters(), Redacted: s.alerts.redacted.Load(), Reloads: s.reloads,
		LogErrors: s.logErrors(), Captures: s.loop.captures.counters(),
		Overwritten: s.probe.Critical().Overwritten() + s.probe.Bulk().Overwritten(),
		Runtimes:    s.enrich.Status(), Pods: s.podState(),
		Self: c.counts, Stalled: c.stalled, StalledSince: c.since, Signals: c.takeSignals(),
		Patience: max(2*g.config.Guard.CanaryInterval, 10*time.Second),
		Rules:    g.rules.All(), Sources: s.feeds.counts(), Files: g.files, Reloaded: g.loaded, Coverage: s.coverage,
	}
	for i := range now.Signals {
		sig := &now.Signals[i]
		s.enrich.Attach(&sig.From)
		sig.Requested = requested(sig)
	}
	return now
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
	return last.At, last.Wall
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
		Health:     func() error { return report.Health(s.published.Load(), guard.Now()) },
		Degraded:   func() []string { return report.Degraded(s.published.Load()) },
		// As in Falco, "engine_version" is the minor number alone: the engine's version was one number once.
		Versions: map[string]string{
			"engine_version": strings.Split(rulefile.Version, ".")[1], "engine_version_semver": rulefile.Version, "falco_version": s.Version,
			"saker_version": s.Version,
		},
		Log: s.Log,
	}
	if cfg.SSLEnabled {
		settings.Certificate = cfg.SSLCertificate
	}
	if cfg.PrometheusMetrics && s.Config.Metrics.Enabled {
		settings.Metrics = metrics.Collector(report.Shown(&s.Config.Metrics),
			func() *report.Scrape { return report.NewScrape(s.published.Load()) })
	}
	var err error
	s.server, err = metrics.Start(context.WithoutCancel(ctx), settings) // teardown ends it
	return err
}

func (s *sensor) closeServer() error {
	if s.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), serveDeadline)
	defer cancel()
	return s.server.Close(ctx)
}
