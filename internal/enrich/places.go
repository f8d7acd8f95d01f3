package enrich

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
)

// maxUserRuntimes bounds the runtimes of users that are watched.
const maxUserRuntimes = 32

// DefaultRuntimes are the usual places of all kinds.
func DefaultRuntimes() []Runtime {
	return slices.Concat(UsualPlaces(Containerd), UsualPlaces(CRI), UsualPlaces(Docker), UsualPlaces(Podman))
}

// UsualPlaces are where runtimes of a kind listen, there or not. "*" stands for users, whose runtimes are looked for again
// and again.
func UsualPlaces(kind Kind) []Runtime {
	var sockets []string
	switch kind {
	case Containerd: // its own, k3s' and RKE2's, k0s', MicroK8s'
		sockets = []string{
			"/run/containerd/containerd.sock", "/run/k3s/containerd/containerd.sock", "/run/k0s/containerd.sock",
			"/var/snap/microk8s/common/run/containerd.sock",
		}
	case CRI: // CRI-O's; cri-dockerd's is left out, because Docker tells more itself
		sockets = []string{"/run/crio/crio.sock"}
	case Docker:
		sockets = []string{"/run/docker.sock", "/run/user/*/docker.sock"}
	case Podman:
		sockets = []string{"/run/podman/podman.sock", "/run/user/*/podman/podman.sock"}
	}
	out := make([]Runtime, len(sockets))
	for i, s := range sockets {
		out[i] = Runtime{kind, s}
	}
	return out
}

// addWatchers adds the runtimes of the settings that are not watched yet, those of users if their sockets are there now.
func (e *Enricher) addWatchers() (added []*watcher) {
	all := slices.Clone(e.all())
	users := 0
	for _, w := range all {
		if w.within != "" {
			users++
		}
	}
	add := func(r Runtime) {
		if slices.ContainsFunc(all, func(w *watcher) bool { return w.socket == r.Socket }) {
			return
		}
		w := newWatcher(r, e)
		if w.within != "" {
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
		for _, place := range e.host.places(r.Socket) {
			found, _ := filepath.Glob(place) // the pattern is a good one
			for _, socket := range found {
				add(Runtime{r.Kind, socket[len(place)-len(r.Socket):]})
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
