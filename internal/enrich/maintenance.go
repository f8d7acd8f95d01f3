package enrich

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/saker-sensor/saker/internal/event"
)

const (
	// hostAccountsEvery is how often the host's account files are looked at.
	hostAccountsEvery = 5 * time.Second
	// accountsAgain is how often a container's files are looked at for an unknown user; accountsSoon where they could
	// not be read yet.
	accountsAgain = 5 * time.Second
	accountsSoon  = 200 * time.Millisecond
)

// maintain runs the tasks of the event loop that may block, and what is due every few seconds, until the context ends.
func (e *Enricher) maintain(ctx context.Context) {
	tick := time.NewTicker(hostAccountsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case task := <-e.tasks:
			e.guard(task)
		case <-tick.C:
			e.guard(e.readHostAccounts)
			e.cache.sweep(e.now().Add(-lateEvents))
			e.guard(func() { e.watch(ctx, e.addWatchers()) })
		}
	}
}

// guard runs work on what others wrote; a panic in it is counted and goes no further.
func (e *Enricher) guard(work func()) {
	defer func() {
		if recover() != nil {
			e.counters.panics.Add(1)
		}
	}()
	work()
}

// background hands work to maintain; false if too much waits already.
func (e *Enricher) background(work func()) bool {
	select {
	case e.tasks <- work:
		return true
	default:
		e.counters.requestsDropped.Add(1)
		return false
	}
}

// readHostAccounts is called by New, and then by maintain only.
func (e *Enricher) readHostAccounts() {
	accounts, files, err := e.reader.read(layers{e.host.root}, e.hostFiles, e.hostAccounts.Load(), func() {})
	if err == nil {
		e.hostFiles = files
	}
	if accounts != nil {
		e.hostAccounts.Store(accounts)
	}
}

// findPath reads the path of a cgroup from a process in it.
func (e *Enricher) findPath(id uint64, pid int32) {
	path := ""
	text, err := os.ReadFile(filepath.Join(e.host.proc, strconv.Itoa(int(pid)), "cgroup"))
	if err == nil {
		path, _ = e.settings.Hierarchy.PathOf(string(text))
	}
	e.cache.answerPath(id, path)
}

// refreshAccounts has a container's account files looked at again if they do not name the event's user or group: they
// may not have been readable when the container was made, or have changed since.
func (e *Enricher) refreshAccounts(ev *event.Event, cg *row, accounts *event.Accounts) {
	if ev.Boot < cg.recheck || ev.Process == nil {
		return
	}
	pause := accountsSoon
	if accounts != nil {
		_, user := accounts.User(ev.Process.UID)
		_, group := accounts.Group(ev.Process.GID)
		if user && group {
			return
		}
		pause = accountsAgain
	}
	cg.recheck = ev.Boot + uint64(pause)
	entry, want, path, pid := cg.entry, cg.query, cg.path, ev.Tgid
	e.background(func() { e.rereadAccounts(entry, want, path, pid) })
}

// rereadAccounts reads them from a live process, or else from the container's snapshot.
func (e *Enricher) rereadAccounts(entry *entry, want *query, cgroupPath string, pid int32) {
	var old record
	if entry != nil {
		if r := entry.record.Load(); r != nil {
			old = *r
		}
	}
	root, done := old.root, func() {}
	if live, err := procRoot(e.host, pid, e.settings.Hierarchy, cgroupPath); err == nil {
		root, done = layers{"/proc/self/fd/" + strconv.Itoa(int(live.Fd()))}, func() { live.Close() }
	}
	if root == nil {
		return
	}
	accounts, files, _ := e.reader.read(root, old.files, old.accounts, done)
	switch {
	case accounts == nil:
	case old.container != nil:
		e.cache.update(entry, func(r record) *record {
			r.accounts, r.files = accounts, files
			return &r
		})
	case want != nil:
		want.accounts.Store(accounts)
	}
}
