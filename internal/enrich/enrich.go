package enrich

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/enrich/runtimes"
	"github.com/saker-sensor/saker/internal/event"
)

// Settings of the room. The zero value is usable.
type Settings struct {
	// Runtimes to watch. Nil means [runtimes.Defaults].
	Runtimes []runtimes.Runtime
	// HostRoot is where the host's root is mounted: "/host" in a container, "/" or empty on the host itself. It is
	// enough if the host's proc is there.
	HostRoot string
	// Hierarchy is the cgroup hierarchy that event.CgroupID is of, from [FindHierarchy].
	Hierarchy cgroup.Hierarchy
	// Wait bounds how long an event waits for its container's metadata. 0 means 2 s.
	Wait time.Duration
	// WaitLost is the bound while a runtime that was connected a moment ago is away: it is being restarted. 0 means 5 s.
	WaitLost time.Duration
	// MaxWaiting bounds the waiting room, in events. 0 means 4096.
	MaxWaiting int
	// MaxCgroups and MaxCgroupBytes bound the table of cgroups. 0 means 32768 and 16 MiB.
	MaxCgroups, MaxCgroupBytes int
	// MaxContainers bounds the containers known. 0 means 8192.
	MaxContainers int
}

func (s Settings) withDefaults() Settings {
	if s.Runtimes == nil {
		s.Runtimes = runtimes.Defaults()
	}
	for _, d := range []struct {
		value  *int
		normal int
	}{{&s.MaxWaiting, 4096}, {&s.MaxCgroups, 32768}, {&s.MaxCgroupBytes, 16 << 20}, {&s.MaxContainers, 8192}} {
		if *d.value == 0 {
			*d.value = d.normal
		}
	}
	if s.Wait == 0 {
		s.Wait = 2 * time.Second
	}
	if s.WaitLost == 0 {
		s.WaitLost = 5 * time.Second
	}
	return s
}

// State says what [Enricher.Attach] could do.
type State uint8

const (
	// Host: not in a container.
	Host State = iota
	// Known: the container is attached.
	Known
	// Pending: in a container, or perhaps in one, and the runtime has been asked. Hold the event if it needs to know.
	Pending
	// Unknown: in a container of which nothing is known but, by the cgroup's form, the id; or as little as its runtime said when
	// it made it.
	Unknown
)

func (s State) String() string {
	return [...]string{"host", "known", "pending", "unknown"}[s]
}

// Enricher attaches containers and accounts to events. Its methods are for one goroutine, the event loop's, but for
// Status and Counters, which any may call.
type Enricher struct {
	settings Settings
	host     host
	counters counters
	cache    *cache
	table    *table
	room     []waiting
	cgroups  *cgroup.Resolver
	reader   *reader
	// watchers grow as users' runtimes are found.
	watchers atomic.Pointer[[]*watcher]
	// hostAccounts are everyone's; their files' states belong to maintain.
	hostAccounts atomic.Pointer[event.Accounts]
	hostFiles    accountFiles
	tasks        chan func()
	now          func() time.Time

	stop context.CancelFunc
	done sync.WaitGroup
}

// New scans the hierarchy and reads the host's accounts. It does not ask any runtime yet; see [Enricher.Start].
func New(settings Settings) (*Enricher, error) {
	if settings.Hierarchy.Mount == "" {
		return nil, errors.New("make the enricher: no cgroup hierarchy is given")
	}
	e := &Enricher{settings: settings.withDefaults(), tasks: make(chan func(), 256), now: time.Now}
	e.host = findHost(settings.HostRoot)
	e.cache = newCache(e.settings.MaxContainers, &e.counters)
	e.table = newTable(e.settings.MaxCgroups, e.settings.MaxCgroupBytes, &e.counters)
	e.reader = newReader(&e.counters)

	var err error
	if e.cgroups, err = e.settings.Hierarchy.OpenResolver(); err != nil {
		return nil, fmt.Errorf("make the enricher: %w", err)
	}
	now := e.now()
	err = e.settings.Hierarchy.Scan(func(id uint64, path string) bool {
		e.table.add(&row{id: id, path: path, generation: stale}, now)
		return len(e.table.byID) < e.settings.MaxCgroups
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the enricher: %w", err), e.cgroups.Close())
	}
	e.readHostAccounts()
	e.addWatchers()
	return e, nil
}

// stale is a generation that the cache never has: the owner has to be made.
const stale = ^uint64(0)

// Start begins to watch the runtimes, each in a goroutine of its own, until Close.
func (e *Enricher) Start(ctx context.Context) {
	ctx, e.stop = context.WithCancel(ctx)
	e.done.Go(func() { e.maintain(ctx) })
	e.watch(ctx, e.all())
}

// Close ends the goroutines and waits for them.
func (e *Enricher) Close() error {
	if e.stop != nil {
		e.stop()
	}
	e.done.Wait()
	return e.cgroups.Close()
}

// hasDocker tells whether a Docker of the machine's is connected.
func (e *Enricher) hasDocker() bool {
	for _, w := range e.all() {
		if w.kind == runtimes.Docker && w.cgroupPrefix == "" && w.status().Connection == Connected {
			return true
		}
	}
	return false
}

// Status is the state of each watched socket. Those that are found later stand at the end.
func (e *Enricher) Status() []Status {
	all := e.all()
	out := make([]Status, len(all))
	for i, w := range all {
		out[i] = w.status()
	}
	return out
}

// Counters are the counts up to now.
func (e *Enricher) Counters() Counters { return e.counters.snapshot() }

// CgroupMade notes a new cgroup of the followed hierarchy; the path starts at the hierarchy's root.
func (e *Enricher) CgroupMade(id uint64, path string) {
	now := e.now()
	e.table.add(&row{id: id, path: cgroup.Clean("/" + path), generation: stale, madeAt: now}, now)
}

// CgroupRemoved notes the end of a cgroup. It is kept for a while, for late events.
func (e *Enricher) CgroupRemoved(id uint64) { e.table.remove(id, e.now()) }

// Attach sets the event's Container, ContainerID, ContainerMissing and Accounts from what is known, and never blocks. While the state
// is [Pending], ContainerID is what the cgroup's form says, "host" if only the runtime can tell, or empty if the
// cgroup's path is not known.
func (e *Enricher) Attach(ev *event.Event) State {
	cg := e.table.byID[ev.CgroupID]
	if cg == nil {
		cg = e.addUnseen(ev)
	}
	return e.attach(ev, cg, time.Time{})
}

// meet makes a row for a cgroup that was not seen being made.
func (e *Enricher) addUnseen(ev *event.Event) *row {
	now := e.now()
	cg := &row{id: ev.CgroupID, generation: stale}
	path, err := e.cgroups.Path(cg.id)
	if err == nil {
		cg.path = path
	} else {
		cg.owner, cg.deadline = ownerUnknown, now.Add(e.settings.Wait)
		// The row is forgotten like a removed one's, so that unknown ids do not fill the table.
		defer e.table.remove(cg.id, now)
		pid, id := ev.Tgid, cg.id
		cg.pathGone = !e.background(func() { e.findPath(id, pid) })
	}
	e.table.add(cg, now)
	return cg
}

// attach is Attach for a known row. now may be zero, for the clock to be read if it is needed.
func (e *Enricher) attach(ev *event.Event, cg *row, now time.Time) State {
	if g := e.cache.generation.Load(); cg.generation != g {
		e.findOwner(cg, g)
	}
	ev.ContainerMissing = ""
	switch cg.owner {
	case ownerHost:
		return e.attachHost(ev)
	case ownerUnknown:
		ev.Container, ev.ContainerID, ev.Accounts = nil, "", nil
		if now.IsZero() {
			now = e.now()
		}
		if !cg.pathGone && now.Before(cg.deadline) {
			return cg.pending(ev)
		}
		e.countMissing(ev, reasonGone)
		return Unknown
	}
	if cg.entry != nil {
		if r := cg.entry.record.Load(); r != nil {
			ev.Container, ev.ContainerID, ev.Accounts = r.container, cg.shortID, r.accounts
			if !cg.entry.seen {
				e.countLead(ev, cg, r)
			}
			e.refreshAccounts(ev, cg, r.accounts)
			return Known
		}
	}
	if now.IsZero() {
		now = e.now()
	}
	switch why := e.ask(cg.query, cg.path, now); {
	case cg.owner == ownerCandidate:
		e.attachHost(ev)
		if why == reasonNone {
			return cg.pending(ev)
		}
		return Host
	case why == reasonNone:
		ev.Container, ev.ContainerID, ev.Accounts = nil, cg.shortID, nil
		return cg.pending(ev)
	default:
		ev.Container, ev.ContainerID, ev.Accounts = nil, cg.shortID, cg.query.accounts.Load()
		if cg.entry != nil {
			ev.Container = cg.entry.hint.Load()
		}
		e.refreshAccounts(ev, cg, ev.Accounts)
		e.countMissing(ev, why)
		return Unknown
	}
}

func (e *Enricher) attachHost(ev *event.Event) State {
	ev.Container, ev.ContainerID, ev.Accounts = nil, event.HostID, e.hostAccounts.Load()
	return Host
}

// countMissing counts an event that goes on without its container's metadata, and has it say why.
func (e *Enricher) countMissing(ev *event.Event, why reason) {
	ev.ContainerMissing = why.String()
	switch why {
	case reasonAbsent:
		e.counters.runtimeAbsent.Add(1)
	case reasonNotFound:
		e.counters.notFound.Add(1)
	case reasonFull:
		e.counters.overflow.Add(1)
	case reasonGone:
		e.counters.cgroupGone.Add(1)
	default:
		e.counters.tooSlow.Add(1)
	}
}
