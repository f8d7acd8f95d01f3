package sensor

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/setup"
)

// Reloaded is a configuration that was read anew, and the files that it came from.
type Reloaded struct {
	Config config.Config
	Files  []string
}

// settleChange is how long files must be left alone before they count as changed: editors and kubelets take several steps.
const settleChange = 200 * time.Millisecond

// reloader follows the configuration and the rules while the sensor runs. It has a goroutine of its own.
type reloader struct {
	log    *zap.Logger
	hangup <-chan os.Signal
	reread func() (*Reloaded, error)
	// sensor is what is reloaded, current what it runs with.
	sensor  reloadable
	current *generation
	// files were read for the running configuration, and digest is of their contents and those of the rule files.
	files  []string
	digest [sha256.Size]byte
	// watcher is nil where files are not watched.
	watcher *fsnotify.Watcher
}

// reloadable is what a reloader needs of the sensor.
type reloadable interface {
	// prepare makes everything that can fail; the sensor that runs is not touched.
	prepare(current *generation, cfg *config.Config, files []string) (*renewal, error)
	// exchange brings that into force. An error means that the sensor ends.
	exchange(context.Context, *renewal) error
	// refused counts a reload that was refused.
	refused()
}

// renewal is a generation to be, with the programs and the outputs that come with it.
type renewal struct {
	*generation
	programs *probe.Renewal
	// outputs are nil if those that run stay.
	outputs *outputs
	// begun is when the reload began.
	begun time.Time
}

// watchFiles comes before the rules are read: what changes after that is seen.
func (s *sensor) watchFiles(context.Context) error {
	r := &reloader{log: s.Log, hangup: s.Hangup, reread: s.Reread, sensor: s, files: s.Files}
	if s.Config.WatchFiles {
		var err error
		if r.watcher, err = fsnotify.NewWatcher(); err != nil {
			s.Log.Warn("changes of files are not seen; SIGHUP reloads", zap.Error(err))
		}
		r.follow(s.Config.RulesFiles)
	}
	r.digest = digestOf(&s.Config, r.files)
	s.reloader = r
	return nil
}

// close ends the watching. It may be called again.
func (r *reloader) close() error {
	if r.watcher == nil {
		return nil
	}
	return r.watcher.Close()
}

// follow watches the folders of all files: a file is often replaced by another one of its name.
func (r *reloader) follow(rules []string) {
	if r.watcher == nil {
		return
	}
	for _, path := range append(append([]string{}, r.files...), rules...) {
		dir := filepath.Dir(path)
		if st, err := os.Stat(path); err == nil && st.IsDir() {
			dir = path
		} else if err == nil && !st.Mode().IsRegular() {
			continue // a device or a pipe never changes
		}
		if err := r.watcher.Add(dir); err != nil && !errors.Is(err, os.ErrNotExist) { // reading it says so
			r.log.Warn("changes of a folder are not seen; SIGHUP reloads", zap.String("folder", dir), zap.Error(err))
		}
	}
}

// run reloads at each SIGHUP, and when what the files hold has changed, until the context ends.
func (r *reloader) run(ctx context.Context) {
	var changes <-chan fsnotify.Event
	var failures <-chan error
	if r.watcher != nil {
		changes, failures = r.watcher.Events, r.watcher.Errors
	}
	quiet := time.NewTimer(0)
	<-quiet.C
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.hangup:
			r.reload(ctx)
		case <-changes:
			quiet.Reset(settleChange)
		case err := <-failures:
			r.log.Warn("watch the files", zap.Error(err))
		case <-quiet.C:
			if digestOf(&r.current.config, r.files) != r.digest {
				r.reload(ctx)
			}
		}
	}
}

// digestOf is one number for the contents of all files. What can't be read counts as empty.
func digestOf(cfg *config.Config, files []string) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, f := range files {
		text, _ := os.ReadFile(f)
		fmt.Fprintf(h, "%s %d\n%s", f, len(text), text)
	}
	for _, src := range setup.ReadSources(cfg.RulesFiles) {
		fmt.Fprintf(h, "%s %d\n%s", src.Name, len(src.Content), src.Content)
	}
	h.Sum(sum[:0])
	return sum
}

// reload brings what the files say now into force; if anything is wrong with it, what runs goes on.
func (r *reloader) reload(ctx context.Context) {
	begin := time.Now()
	r.digest = digestOf(&r.current.config, r.files) // before they are read: a later change differs, and a mistake is logged once
	next, files, err := r.load()
	if err == nil {
		next.begun = begin
		err = r.sensor.exchange(ctx, next)
	}
	if err != nil {
		r.log.Error("reload refused; the rules and settings that run go on", zap.Error(err))
		r.sensor.refused()
		return
	}
	if gone := goneRules(r.current.rules, next.rules); len(gone) > 0 {
		r.log.Warn("rules that were enabled before the reload are gone or disabled; restore their file if that was not meant",
			zap.Int("gone", len(gone)), zap.String("names", setup.FirstNames(gone)))
	}
	r.current, r.files = next.generation, files
	r.follow(next.config.RulesFiles)
}

// load reads the files anew and prepares what they say.
func (r *reloader) load() (*renewal, []string, error) {
	cfg, files := r.current.config, r.files
	if r.reread != nil {
		again, err := r.reread()
		if err != nil {
			return nil, nil, err
		}
		cfg, files = again.Config, again.Files
	}
	r.keepFixed(&cfg)
	next, err := r.sensor.prepare(r.current, &cfg, files)
	return next, files, err
}

// goneRules are the names of rules that were enabled before a reload and are not after it.
func goneRules(before, after *engine.Ruleset) (names []string) {
	enabled := map[string]bool{}
	for _, r := range after.All() {
		enabled[r.Name] = r.Enabled
	}
	for _, r := range before.All() {
		if r.Enabled && !enabled[r.Name] {
			names = append(names, r.Name)
		}
	}
	return names
}

// keepFixed puts back what only a start can change, and says so.
func (r *reloader) keepFixed(next *config.Config) {
	for _, fixed := range []struct {
		key       string
		was, will any
	}{
		{"engine", &r.current.config.Engine, &next.Engine},
		{"container_engines", &r.current.config.Engines, &next.Engines},
		{"plugins", &r.current.config.Plugins, &next.Plugins},
		{"load_plugins", &r.current.config.LoadPlugins, &next.LoadPlugins},
		{"kubernetes", &r.current.config.Kubernetes, &next.Kubernetes},
		{"watch_config_files", &r.current.config.WatchFiles, &next.WatchFiles},
		{"webserver", &r.current.config.Webserver, &next.Webserver},
		{"metrics", &r.current.config.Metrics, &next.Metrics},
		{"capture", &r.current.config.Capture, &next.Capture},
		{"guard", &r.current.config.Guard, &next.Guard},
		{"top", &r.current.config.Top, &next.Top},
		{"privileges", &r.current.config.Privileges, &next.Privileges},
	} {
		if !reflect.DeepEqual(fixed.was, fixed.will) {
			r.log.Warn("a changed setting counts from the next start", zap.String("key", fixed.key))
			reflect.ValueOf(fixed.will).Elem().Set(reflect.ValueOf(fixed.was).Elem())
		}
	}
}

// prepare implements [reloadable].
func (s *sensor) prepare(current *generation, cfg *config.Config, files []string) (*renewal, error) {
	g, err := s.loadGeneration(cfg, files)
	if err != nil {
		return nil, err
	}
	if g.alerts, err = newRendering(cfg, g.rules, s.alerts.redacted); err != nil {
		return nil, err
	}
	settings, err := setup.Probe(cfg, g.narrow)
	if err != nil {
		return nil, err
	}
	settings.Caller = s.callerParts(g.rules, g.alerts)
	s.hosts.Watch(setup.HostNames(slices.Concat(current.rules.Rules(), g.rules.Rules())...))
	next := &renewal{generation: g}
	if next.programs, err = s.probe.Renew(settings); err != nil {
		return nil, err
	}
	s.hosts.Wait(hostsLimit)
	if sameOutputs(&current.config, cfg) {
		return next, nil
	}
	if next.outputs, err = openOutputs(cfg, &s.Settings, s.alerts.outputs); err != nil {
		return nil, errors.Join(err, next.programs.Close())
	}
	return next, nil
}

// loadGeneration loads the rules and what the kernel is to be asked for them.
func (s *sensor) loadGeneration(cfg *config.Config, files []string) (*generation, error) {
	g := &generation{config: *cfg}
	var results rulefile.Results
	g.rules, results = setup.Load(*cfg, s.ruleSources(cfg))
	s.warnAbout(&results)
	if !results.Successful() {
		return nil, setup.RulesError(&results)
	}
	for _, line := range setup.UnknownNames(cfg, g.rules) {
		s.Log.Warn("configuration: " + line)
	}
	if blind := setup.FindBlindRules(g.rules); len(blind.Never) > 0 {
		s.Log.Warn("rules lack events: " + blind.Text())
	} else if len(blind.Partly) > 0 {
		s.Log.Info("rules lack events: " + blind.Text())
	}
	g.files, g.loaded = setup.LoadedFiles(cfg, files), time.Now()
	var err error
	if g.narrow, err = setup.Narrow(*cfg, g.rules); err != nil {
		return nil, err
	}
	g.judge = g.narrow.Judge
	return g, nil
}

// exchange implements [reloadable]. The loop goes on meanwhile.
func (s *sensor) exchange(ctx context.Context, next *renewal) error {
	var retired *outputs
	err := s.loop.do(ctx, func() {
		next.loaded = time.Now()
		s.loop.expect(next.generation, next.programs.Generation)
		retired = s.alerts.exchange(next.alerts, next.outputs)
		s.feeds.exchange(next.generation)
		s.reloads.Done++
		s.reporter.Configure(&next.config)
		s.names.Watch(setup.WatchedNames(next.rules))
		s.hosts.Watch(setup.HostNames(next.rules.Rules()...))
		if s.pods != nil {
			s.pods.SetKinds(relatedKinds(next.rules, next.alerts))
		}
	})
	if err != nil {
		return err // the sensor ends
	}
	refused := s.probe.Switch(next.programs)
	err = s.loop.do(ctx, func() {
		if refused != nil {
			s.loop.keepPrograms()
		}
		s.loop.switchDone()
		s.coverage = nil
		s.reportCoverage(next.narrow.Rules)
	})
	if refused != nil {
		s.Log.Error("the kernel programs keep the settings of the rules before; new rules may see too little", zap.Error(refused))
	}
	if retired != nil {
		err = errors.Join(err, s.alerts.retire(retired))
		s.alerts.outputs.serve()
	}
	s.releaseMemory()
	if err == nil {
		s.Log.Info("reloaded", zap.Duration("after", time.Since(next.begun)), zap.Int("rules", len(next.rules.All())),
			zap.Bool("syscall_hook", s.probe.Syscalls()), zap.Bool("outputs", next.outputs != nil))
	}
	return err
}

// refused implements [reloadable].
func (s *sensor) refused() { s.loop.post(func() { s.reloads.Refused++ }) }
