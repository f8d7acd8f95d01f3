package enrich

import (
	"sync/atomic"
	"time"

	"github.com/saker-sensor/saker/internal/event"
)

// owner says whose a cgroup is.
type owner uint8

const (
	// ownerHost: no container's.
	ownerHost owner = iota
	// ownerContainer: a container's, by its form or by the runtime's word.
	ownerContainer
	// ownerCandidate: it has the shape that containerd gives to containers of its own, and only containerd can tell.
	ownerCandidate
	// ownerUnknown: the path is not known.
	ownerUnknown
)

// cgroup is a row of the table. Only the event loop touches it.
type row struct {
	id    uint64
	path  string
	owner owner
	// shortID is what the form says of the container's id.
	shortID string
	entry   *entry
	query   *query
	// generation is the cache's when the owner was made.
	generation uint64
	// dropped: no longer in the table, though an event in the waiting room may still need it.
	dropped bool
	// madeAt is zero if the making was not seen; removedAt while it exists.
	madeAt, removedAt time.Time
	// deadline is until when events wait for the path of an unresolved row; pathGone ends that early.
	deadline time.Time
	pathGone bool
	// first is when the first event came that had to ask for the container, in ns since the epoch; 0 if none had to.
	first int64
	// recheck is the earliest event.Boot, in ns since boot, at which the accounts are asked for again.
	recheck uint64
}

// want is a question for a container that is not known, shared by the container's cgroups.
type query struct {
	// namespace is empty if it is not known.
	namespace, id string
	refs          int
	// asked is the number of runtimes asked, denied that of those who do not know the container.
	asked  int32
	denied atomic.Int32
	// deadline is set while events wait, since the question at askedAt. After it nobody waits until retry.
	askedAt, deadline, retry time.Time
	reason                   reason
	// accounts are of a container that no runtime knows, read from one of its processes.
	accounts atomic.Pointer[event.Accounts]
}

// reason why a container's metadata is missing.
type reason uint8

const (
	reasonNone reason = iota
	// reasonAbsent: no runtime is there to ask.
	reasonAbsent
	// reasonNotFound: no runtime knows it.
	reasonNotFound
	// reasonSlow: no answer came within the wait.
	reasonSlow
	// reasonFull: the waiting room was full, so that nobody waited for the answer.
	reasonFull
	// reasonGone: the cgroup had gone before its path was known.
	reasonGone
)

// String is what container.missing shows.
func (r reason) String() string {
	return [...]string{"", "no runtime", "not found", "too slow", "too many wait", "cgroup gone"}[r]
}

// lateEvents is how long a removed cgroup or container is kept for events that come after its removal.
const lateEvents = 10 * time.Second

// cgroupCost is what a row takes beside its path, roughly, in bytes.
const cgroupCost = 256

// table holds the cgroups of the followed hierarchy by id. It belongs to the event loop.
type table struct {
	maxRows, maxBytes int
	counters          *counters
	byID              map[uint64]*row
	// removed rows wait to be dropped, the oldest first.
	removed []*row
	bytes   int
	queries map[string]*query
}

func newTable(maxRows, maxBytes int, c *counters) *table {
	return &table{maxRows: maxRows, maxBytes: maxBytes, counters: c, byID: map[uint64]*row{}, queries: map[string]*query{}}
}

// add makes a row, in place of an old one of the same id.
func (t *table) add(cg *row, now time.Time) {
	if old := t.byID[cg.id]; old != nil {
		t.drop(old)
	}
	t.sweep(now)
	for len(t.byID) > 0 && (len(t.byID) >= t.maxRows || t.bytes+cost(cg) > t.maxBytes) {
		t.evict()
	}
	t.byID[cg.id] = cg
	t.bytes += cost(cg)
	t.count()
}

// setPath gives a row the path that was not known when it was made.
func (t *table) setPath(cg *row, path string) {
	if !cg.dropped {
		t.bytes += len(path) - len(cg.path)
	}
	cg.path = path
	t.count()
}

// remove marks a row; it stays for late events.
func (t *table) remove(id uint64, now time.Time) {
	if cg := t.byID[id]; cg != nil && cg.removedAt.IsZero() {
		cg.removedAt = now
		t.removed = append(t.removed, cg)
	}
	t.sweep(now)
}

// sweep drops the rows whose time has come.
func (t *table) sweep(now time.Time) {
	n := 0
	for n < len(t.removed) && now.Sub(t.removed[n].removedAt) > lateEvents {
		t.drop(t.removed[n])
		n++
	}
	if n > 0 {
		t.removed = append(t.removed[:0], t.removed[n:]...)
	}
}

// evict drops a removed row, or else any: it is found again by its id if it is met again.
func (t *table) evict() {
	t.counters.cgroupsEvicted.Add(1)
	if len(t.removed) > 0 {
		cg := t.removed[0]
		t.removed = t.removed[1:]
		t.drop(cg)
		return
	}
	for _, cg := range t.byID {
		t.drop(cg)
		return
	}
}

func (t *table) drop(cg *row) {
	if t.byID[cg.id] != cg {
		return
	}
	delete(t.byID, cg.id)
	t.bytes -= cost(cg)
	t.unref(cg.query)
	cg.dropped = true
	t.count()
}

func cost(cg *row) int { return cgroupCost + len(cg.path) }

func (t *table) count() {
	t.counters.cgroups.Store(int64(len(t.byID)))
	t.counters.cgroupBytes.Store(int64(t.bytes))
}

// need gives a row the question for its container.
func (t *table) need(cg *row, namespace, id string) {
	if cg.query != nil && cg.query.id == id && cg.query.namespace == namespace {
		return
	}
	t.release(cg)
	name := namespace + "/" + id
	w := t.queries[name]
	if w == nil {
		w = &query{namespace: namespace, id: id}
		if !cg.dropped {
			t.queries[name] = w
		}
	}
	if !cg.dropped {
		w.refs++
	}
	cg.query = w
}

// release ends a row's question.
func (t *table) release(cg *row) {
	if !cg.dropped {
		t.unref(cg.query)
	}
	cg.query = nil
}

func (t *table) unref(w *query) {
	if w == nil {
		return
	}
	if w.refs--; w.refs == 0 {
		delete(t.queries, w.namespace+"/"+w.id)
	}
}
