package enrich

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/enrich/runtimes"
)

// maxUserRuntimes bounds the runtimes of users that are watched.
const maxUserRuntimes = 32

// addWatchers adds the runtimes of the settings that are not watched yet, those of users if their sockets are there now.
func (e *Enricher) addWatchers() (added []*watcher) {
	all := slices.Clone(e.all())
	users := 0
	for _, w := range all {
		if w.cgroupPrefix != "" {
			users++
		}
	}
	add := func(r runtimes.Runtime) {
		if slices.ContainsFunc(all, func(w *watcher) bool { return w.socket == r.Socket }) {
			return
		}
		w := newWatcher(r, e)
		if w.cgroupPrefix != "" {
			if users == maxUserRuntimes {
				e.counters.runtimesRefused.Add(1)
				return
			}
			users++
		}
		all, added = append(all, w), append(added, w)
	}
	for _, r := range e.settings.Runtimes {
		if !strings.Contains(r.Socket, "*") {
			add(r)
			continue
		}
		for _, place := range e.host.paths(r.Socket) {
			found, _ := filepath.Glob(place) // the pattern is a good one
			for _, socket := range found {
				add(runtimes.Runtime{Kind: r.Kind, Socket: socket[len(place)-len(r.Socket):]})
			}
		}
	}
	e.watchers.Store(&all)
	return added
}

// all are the watchers.
func (e *Enricher) all() []*watcher {
	if all := e.watchers.Load(); all != nil {
		return *all
	}
	return nil
}

// watch lets watchers run until the context ends.
func (e *Enricher) watch(ctx context.Context, watchers []*watcher) {
	for _, w := range watchers {
		e.done.Go(func() { w.run(ctx) })
	}
}
