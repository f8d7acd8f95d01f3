package sensor

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/narrow"
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
	*sensor
	// files were read for the running configuration, and digest is of their contents and those of the rule files.
	files  []string
	digest [sha256.Size]byte
	// watch is nil where files are not watched.
	watch *fsnotify.Watcher
}

// generation is all that a reload exchanges.
type generation struct {
	config config.Config
	rules  *engine.Ruleset
	narrow []narrow.Rule
	alerts *rendering
	// outputs are nil if those that run stay.
	outputs *outputs
	renewal *probe.Renewal
	files   []loadedFile
}

// reloads counts them; the loop writes it.
type reloads struct{ done, refused uint64 }

// watchFiles comes before the rules are read: what changes after that is seen.
func (s *sensor) watchFiles(context.Context) error {
	r := &reloader{sensor: s, files: s.Files}
	if s.Config.WatchFiles {
		var err error
		if r.watch, err = fsnotify.NewWatcher(); err != nil {
			s.Log.Warn("changes of files are not seen; SIGHUP reloads", zap.Error(err))
		}
		r.follow()
	}
	r.digest = r.digestOf(&s.Config, r.files)
	s.reloader = r
	return nil
}

// close ends the watching. It may be called again.
func (r *reloader) close() error {
	if r.watch == nil {
		return nil
	}
	return r.watch.Close()
}

// follow watches the folders of all files: a file is often replaced by another one of its name.
func (r *reloader) follow() {
	if r.watch == nil {
		return
	}
	for _, path := range append(append([]string{}, r.files...), r.Config.RulesFiles...) {
		dir := filepath.Dir(path)
		if st, err := os.Stat(path); err == nil && st.IsDir() {
			dir = path
		} else if err == nil && !st.Mode().IsRegular() {
			continue // a device or a pipe never changes
		}
		if err := r.watch.Add(dir); err != nil && !errors.Is(err, os.ErrNotExist) { // reading it says so
			r.Log.Warn("changes of a folder are not seen; SIGHUP reloads", zap.String("folder", dir), zap.Error(err))
		}
	}
}

// run reloads at each SIGHUP, and when what the files hold has changed, until the context ends.
func (r *reloader) run(ctx context.Context) {
	var changes <-chan fsnotify.Event
	var failures <-chan error
	if r.watch != nil {
		changes, failures = r.watch.Events, r.watch.Errors
	}
	quiet := time.NewTimer(0)
	<-quiet.C
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.Hangup:
			r.reload(ctx)
		case <-changes:
			quiet.Reset(settleChange)
		case err := <-failures:
			r.Log.Warn("watch the files", zap.Error(err))
		case <-quiet.C:
			if r.digestOf(&r.Config, r.files) != r.digest {
				r.reload(ctx)
			}
		}
	}
}

// digestOf is one number for the contents of all files. What can't be read counts as empty.
func (r *reloader) digestOf(cfg *config.Config, files []string) (sum [sha256.Size]byte) {
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
	r.digest = r.digestOf(&r.Config, r.files) // before they are read: a later change differs; and a mistake is told once
	next, files, err := r.load()
	if err == nil {
		err = r.exchange(ctx, next)
	}
	if err != nil {
		r.Log.Error("reload refused; the rules and settings that run go on", zap.Error(err))
		r.loop.post(func() { r.reloads.refused++ })
		return
	}
	r.files = files
	r.follow()
	r.release()
	r.Log.Info("reloaded", zap.Duration("after", time.Since(begin)), zap.Int("rules", len(next.rules.Rules())),
		zap.Bool("syscall_hook", r.probe.Syscalls()), zap.Bool("outputs", next.outputs != nil))
}

// load makes everything that can fail before the running sensor is touched. With an error, only the configuration may be
// there.
func (r *reloader) load() (*generation, []string, error) {
	next, files := &generation{config: r.Config}, r.files
	if r.Reread != nil {
		again, err := r.Reread()
		if err != nil {
			return nil, nil, err
		}
		next.config, files = again.Config, again.Files
	}
	r.keepFixed(&next.config)
	var results rulefile.Results
	if next.rules, results = setup.Rules(next.config); !results.Successful() {
		return next, files, setup.RulesError(&results)
	}
	r.warnAbout(&results)
	for _, line := range setup.UnknownNames(&next.config, next.rules) {
		r.Log.Warn("configuration: " + line)
	}
	next.files = loadedFiles(&next.config, files)
	var err error
	if next.narrow, err = setup.Narrow(next.config, next.rules); err != nil {
		return next, files, err
	}
	if next.alerts, err = newRendering(&next.config, next.rules, r.alerts.redacted); err != nil {
		return next, files, err
	}
	settings, err := setup.Probe(&next.config, next.narrow)
	if err != nil {
		return next, files, err
	}
	if next.renewal, err = r.probe.Renew(settings); err != nil {
		return next, files, err
	}
	if sameOutputs(&r.Config, &next.config) {
		return next, files, nil
	}
	if next.outputs, err = openOutputs(&next.config, &r.Settings, r.alerts.outputs); err != nil {
		return next, files, errors.Join(err, next.renewal.Close())
	}
	return next, files, nil
}

// keepFixed puts back what only a start can change, and says so.
func (r *reloader) keepFixed(next *config.Config) {
	for _, fixed := range []struct {
		key       string
		was, will any
	}{
		{"engine", &r.Config.Engine, &next.Engine},
		{"container_engines", &r.Config.Engines, &next.Engines},
		{"kubernetes", &r.Config.Kubernetes, &next.Kubernetes},
		{"watch_config_files", &r.Config.WatchFiles, &next.WatchFiles},
		{"webserver", &r.Config.Webserver, &next.Webserver},
		{"metrics", &r.Config.Metrics, &next.Metrics},
		{"guard", &r.Config.Guard, &next.Guard},
		{"top", &r.Config.Top, &next.Top},
		{"privileges", &r.Config.Privileges, &next.Privileges},
	} {
		if !reflect.DeepEqual(fixed.was, fixed.will) {
			r.Log.Warn("a changed setting counts from the next start", zap.String("key", fixed.key))
			reflect.ValueOf(fixed.will).Elem().Set(reflect.ValueOf(fixed.was).Elem())
		}
	}
}

// exchange brings a loaded generation into force. The loop goes on meanwhile.
func (r *reloader) exchange(ctx context.Context, next *generation) error {
	var retired *outputs
	err := r.loop.do(ctx, func() {
		r.loop.expect(next.rules, next.renewal.Generation)
		retired = r.alerts.exchange(next)
		r.rules, r.narrow, r.Config, r.reloaded = next.rules, next.narrow, next.config, time.Now()
		r.sensor.files = next.files
		r.reloads.done++
		r.losses.configure(next.config.Drops)
		r.names.Watch(setup.WatchedNames(next.rules))
		if r.pods != nil {
			r.pods.SetKinds(kinOf(next.rules, next.alerts))
		}
	})
	if err != nil {
		return err // the sensor ends
	}
	refused := r.probe.Switch(next.renewal)
	err = r.loop.do(ctx, func() {
		r.loop.settle()
		if refused != nil {
			r.loop.previous = nil // there is no other generation
		}
		r.coverage = nil
		r.reportCoverage()
	})
	if refused != nil {
		r.Log.Error("the kernel programs keep the settings of the rules before; new rules may see too little", zap.Error(refused))
	}
	if retired != nil {
		err = errors.Join(err, r.alerts.retire(retired))
		r.alerts.outputs.serve()
	}
	return err
}
