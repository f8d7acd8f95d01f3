package enrich

import (
	"slices"
	"time"
)

// WaitForRuntimes waits until every runtime whose socket was there at the start has told its containers or has failed to, at
// most for the limit. Before that, a container that only the runtime can tell from the host would count as the host.
func (e *Enricher) WaitForRuntimes(limit time.Duration) {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for slices.ContainsFunc(e.all(), func(w *watcher) bool { return w.status().Connection == Connecting }) {
		select {
		case <-look.C:
		case <-timeout.C:
			return
		}
	}
}
