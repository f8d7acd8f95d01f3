package enrich

import (
	"strings"
	"time"

	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/event"
)

// judge decides whose a cgroup is, by what the cache knows at a generation.
func (e *Enricher) findOwner(cg *row, generation uint64) {
	cg.generation = generation
	if cg.owner == ownerUnknown {
		path, ok := e.cache.takePath(cg.id)
		if cg.pathGone = ok && path == ""; !ok || cg.pathGone {
			return
		}
		e.table.setPath(cg, path)
	}
	if cg.entry = e.cache.find(cg.path, cg.madeAt); cg.entry != nil {
		k := cg.entry.key
		cg.owner, cg.shortID = ownerContainer, event.ShortID(k.id)
		if cg.entry.record.Load() == nil {
			e.table.need(cg, k.namespace, k.id)
		} else {
			e.table.release(cg)
		}
		return
	}
	if id, _, ok := cgroup.Parse(cg.path); ok {
		cg.owner, cg.shortID = ownerContainer, event.ShortID(id)
		e.table.need(cg, "", id)
		return
	}
	if namespace, id, ok := e.cache.namespaced(cg.path); ok {
		cg.owner = ownerCandidate
		e.table.need(cg, namespace, id)
		return
	}
	cg.owner, cg.shortID = ownerHost, ""
	e.table.release(cg)
}

// askAgainAfter is how long nobody waits for a container that could not be found. An answer that comes meanwhile counts.
const askAgainAfter = 10 * time.Second

// ask asks the runtimes that may have a container, once, and says why it is not known: [reasonNone] while they may still
// answer.
func (e *Enricher) ask(w *query, path string, now time.Time) reason {
	if now.Before(w.retry) {
		return w.reason
	}
	if w.deadline.IsZero() {
		w.asked = 0
		w.denied.Store(0)
		for _, watcher := range e.all() {
			if watcher.mayAnswer() && strings.HasPrefix(path, watcher.cgroupPrefix) {
				w.asked++
				watcher.request(w)
			}
		}
		if w.asked == 0 {
			return w.giveUp(reasonAbsent, now)
		}
		w.askedAt, w.deadline = now, now.Add(e.wait(path))
		return reasonNone
	}
	switch {
	case w.denied.Load() >= w.asked:
		return w.giveUp(reasonNotFound, now)
	case !now.Before(w.deadline):
		// The runtime may have gone after it was asked.
		if w.deadline = w.askedAt.Add(e.wait(path)); !now.Before(w.deadline) {
			return w.giveUp(reasonSlow, now)
		}
	}
	return reasonNone
}

// restarting is how long a runtime that went away counts as one that is being restarted.
const restarting = 30 * time.Second

// wait is how long an event may wait for the runtimes that may have its container.
func (e *Enricher) wait(path string) time.Duration {
	for _, w := range e.all() {
		if s := w.state.Load(); s.Connection == Lost && time.Since(s.Since) < restarting && strings.HasPrefix(path, w.cgroupPrefix) {
			return max(e.settings.Wait, e.settings.WaitLost)
		}
	}
	return e.settings.Wait
}

func (w *query) giveUp(why reason, now time.Time) reason {
	w.reason, w.deadline, w.retry = why, time.Time{}, now.Add(askAgainAfter)
	return why
}
