package enrich

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/event"
)

// key names a container: ids are unique within a namespace of one containerd.
type key struct{ socket, namespace, id string }

// record is what is known of a container. Immutable once published.
type record struct {
	container *event.Container
	// known is when the container's first record was published.
	known time.Time
	// probes of a pod's sandbox are those of its containers, by name.
	probes map[string][]event.Probe
	// updated is when the runtime last changed its own record.
	updated time.Time
	// accounts are nil until the container's files could be read.
	accounts *event.Accounts
	// files are the states of the files that accounts came from.
	files accountFiles
	// root is where the container's files lie when none of its processes can be asked.
	root layers
}

// entry is a container that a runtime has told us of. The pointer stays the same for the container's life.
type entry struct {
	key   key
	paths []string
	// cgroupPrefix is what the path of its cgroup has to begin with; empty for a runtime of the machine's.
	cgroupPrefix string
	rank         rank
	// created tells it from another container of the same name.
	created time.Time
	// record is nil between the first word of a container and the answer to all questions about it.
	record atomic.Pointer[record]
	// hint is what counts if the record does not come; nil if there is none.
	hint atomic.Pointer[event.Container]
	// seen belongs to the event loop: an event of the container has come.
	seen bool

	// Guarded by the cache. seenAt is when the runtime last told of it.
	started, seenAt, removedAt time.Time
}

// maxUserContainers bounds the containers of a user's own runtime, so that it can't take the place of the machine's.
const maxUserContainers = 64

// rank says whose word counts if two runtimes tell of the same container.
type rank uint8

const (
	// rankIncomplete: the runtime knows neither name nor image.
	rankIncomplete rank = iota
	rankNormal
)

// cache holds the containers known from runtimes. Runtime goroutines write it; the event loop reads it under the lock
// only when generation has moved since it last looked.
type cache struct {
	limit    int
	counters *counters
	wake     chan struct{}
	// generation moves with every change that may alter whose a cgroup is.
	generation atomic.Uint64

	mu      sync.Mutex
	entries map[key]*entry
	byID    map[string]*entry
	// byBase finds containers by the last component of their cgroup's path.
	byBase map[string][]*entry
	// ofUser counts the containers of each user's own runtime, by socket.
	ofUser map[string]int
	// namespaces of each runtime, by socket.
	namespaces map[string][]string
	// cgroupPaths are answers to the loop's questions for cgroups that it could not find itself.
	cgroupPaths map[uint64]string
}

func newCache(limit int, c *counters) *cache {
	return &cache{
		limit: limit, counters: c, wake: make(chan struct{}, 1),
		entries: map[key]*entry{}, byID: map[string]*entry{}, byBase: map[string][]*entry{}, ofUser: map[string]int{},
		namespaces: map[string][]string{}, cgroupPaths: map[uint64]string{},
	}
}

// notify wakes the event loop.
func (c *cache) notify() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// announce makes a container's cgroup known before the rest is. A container of the same name but of another time is
// another container. It returns the entry that counts from now on, nil if the cache is full.
func (c *cache) announce(e *entry) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.entries[e.key]; old != nil {
		if old.created.Equal(e.created) {
			old.seenAt, old.removedAt = time.Now(), time.Time{}
			if hint := e.hint.Load(); hint != nil && old.record.Load() == nil {
				old.hint.Store(hint)
			}
			return old
		}
		c.drop(old)
	}
	if e.cgroupPrefix != "" && c.ofUser[e.key.socket] >= maxUserContainers || len(c.entries) >= c.limit && !c.evict() {
		c.counters.containersRefused.Add(1)
		return nil
	}
	e.seenAt = time.Now()
	c.entries[e.key] = e
	if e.cgroupPrefix != "" {
		c.ofUser[e.key.socket]++
	}
	if other := c.byID[e.key.id]; other == nil || e.precedes(other) {
		c.byID[e.key.id] = e
	}
	c.index(e)
	c.counters.containers.Store(int64(len(c.entries)))
	c.generation.Add(1)
	return e
}

// index makes an entry be found by its paths.
func (c *cache) index(e *entry) {
	for _, p := range e.paths {
		base := cgroup.Base(p)
		c.byBase[base] = append(c.byBase[base], e)
	}
}

// unindex undoes index.
func (c *cache) unindex(e *entry) {
	for _, p := range e.paths {
		base := cgroup.Base(p)
		rest := slices.DeleteFunc(slices.Clone(c.byBase[base]), func(other *entry) bool { return other == e })
		if len(rest) == 0 {
			delete(c.byBase, base)
		} else {
			c.byBase[base] = rest
		}
	}
}

// place notes where a container's cgroup lies, where that was not known, or not well, when it was announced.
func (c *cache) setPaths(e *entry, paths []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if paths != nil && c.entries[e.key] == e {
		c.unindex(e)
		e.paths = paths
		c.index(e)
	}
}

// publish sets what is known of a container. The record is the cache's from now on.
func (c *cache) publish(e *entry, r *record) {
	c.mu.Lock()
	r.known = time.Now()
	if old := e.record.Load(); old != nil {
		r.known = old.known
	}
	e.record.Store(withStart(r, e.started))
	e.hint.Store(nil)
	c.mu.Unlock()
	c.generation.Add(1)
	c.notify()
}

// update changes a published record; change returns nil to leave it.
func (c *cache) update(e *entry, change func(old record) *record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := e.record.Load(); old != nil {
		if r := change(*old); r != nil {
			e.record.Store(r)
		}
	}
}

// start notes when a container's task started; false if the container is not known.
func (c *cache) start(k key, at time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[k]
	if e == nil {
		return false
	}
	e.started = at
	if r := e.record.Load(); r != nil {
		e.record.Store(withStart(r, at))
	}
	return true
}

// withStart copies a record with the start time of the task, if that is known.
func withStart(r *record, at time.Time) *record {
	if at.IsZero() || r.container.StartTime == at.UnixNano() {
		return r
	}
	copied, container := *r, *r.container
	container.StartTime = at.UnixNano()
	copied.container = &container
	return &copied
}

// has tells whether a container is known as the runtime's record of these times says.
func (c *cache) has(k key, created, updated time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[k]
	if e == nil || !e.created.Equal(created) || !e.removedAt.IsZero() {
		return false
	}
	r := e.record.Load()
	return r != nil && r.updated.Equal(updated)
}

// get finds a container; nil if it is unknown or not fully known yet.
func (c *cache) get(k key) *record {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[k]; e != nil {
		return e.record.Load()
	}
	return nil
}

// remove marks a container that its runtime has deleted. It stays for a while, for late events.
func (c *cache) remove(k key, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[k]; e != nil && e.removedAt.IsZero() {
		e.removedAt = now
	}
}

// retain marks the containers of a runtime that are no longer in its list, which began at a time: what was seen since
// need not be in it.
func (c *cache) retain(socket string, listed map[key]bool, began time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, e := range c.entries {
		if k.socket == socket && !listed[k] && e.removedAt.IsZero() && e.seenAt.Before(began) {
			e.removedAt = began
		}
	}
}

// sweep drops containers that were removed before a time.
func (c *cache) sweep(before time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.entries {
		if !e.removedAt.IsZero() && e.removedAt.Before(before) {
			c.drop(e)
		}
	}
}

// evict makes room by dropping the container that was removed first.
func (c *cache) evict() bool {
	var first *entry
	for _, e := range c.entries {
		if !e.removedAt.IsZero() && (first == nil || e.removedAt.Before(first.removedAt)) {
			first = e
		}
	}
	if first == nil {
		return false
	}
	c.drop(first)
	c.counters.containersEvicted.Add(1)
	return true
}

func (c *cache) drop(e *entry) {
	delete(c.entries, e.key)
	if e.cgroupPrefix != "" {
		if c.ofUser[e.key.socket]--; c.ofUser[e.key.socket] == 0 {
			delete(c.ofUser, e.key.socket)
		}
	}
	if c.byID[e.key.id] == e {
		delete(c.byID, e.key.id)
	}
	c.unindex(e)
	c.counters.containers.Store(int64(len(c.entries)))
}

// setNamespaces notes the namespaces of a runtime.
func (c *cache) setNamespaces(socket string, names []string) {
	c.mu.Lock()
	c.namespaces[socket] = names
	c.mu.Unlock()
	c.generation.Add(1)
}

// maxAnswers bounds the cgroup paths that wait for the loop to pick them up.
const maxAnswers = 256

// answerPath tells the loop the path of a cgroup that it asked for.
func (c *cache) answerPath(id uint64, path string) {
	c.mu.Lock()
	if len(c.cgroupPaths) >= maxAnswers {
		clear(c.cgroupPaths)
	}
	c.cgroupPaths[id] = path
	c.mu.Unlock()
	c.generation.Add(1)
	c.notify()
}

// takePath returns the answer for a cgroup, once.
func (c *cache) takePath(id uint64) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	path, ok := c.cgroupPaths[id]
	delete(c.cgroupPaths, id)
	return path, ok
}

// find tells whose a cgroup is; madeAt is when it was made, zero if that was not seen. Exact places win, the innermost
// first. After them comes the outermost container that the path's form names: a process may be able to make a cgroup
// below its own that looks like another container's, but not one above it. Last come the places that only the
// runtime knows in full.
func (c *cache) find(path string, madeAt time.Time) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	var exact, suffix *entry
	exactEnd := 0
	for name, end := range cgroup.Components(path) {
		for _, e := range c.byBase[name] {
			if e.goneBefore(madeAt) || !strings.HasPrefix(path, e.cgroupPrefix) {
				continue
			}
			for _, p := range e.paths {
				if p == path[:end] {
					if exact == nil || len(p) > exactEnd || e.precedes(exact) {
						exact, exactEnd = e, len(p)
					}
				} else if (suffix == nil || e.precedes(suffix)) && (p[0] != '/' || cgroup.IsID(e.key.id)) && cgroup.EndsWith(path[:end], p) {
					suffix = e
				}
			}
		}
	}
	if exact != nil {
		return exact
	}
	if id, ok := cgroup.Outermost(path); ok {
		if e := c.byID[id]; e != nil && !e.goneBefore(madeAt) && strings.HasPrefix(path, e.cgroupPrefix) {
			return e
		}
	}
	return suffix
}

// beats tells whether the entry's word counts more than another's about the same cgroup: the machine's runtimes before a
// user's own, who knows more, then who is still there.
func (e *entry) precedes(other *entry) bool {
	if (e.cgroupPrefix == "") != (other.cgroupPrefix == "") {
		return e.cgroupPrefix == ""
	}
	if e.rank != other.rank {
		return e.rank > other.rank
	}
	return e.removedAt.IsZero() && !other.removedAt.IsZero()
}

// goneBefore tells whether the container was removed before a time: a cgroup made later is another's.
func (e *entry) goneBefore(t time.Time) bool { return !e.removedAt.IsZero() && e.removedAt.Before(t) }

// namespaced tells whether a path may be /namespace/id of containerd's own making; it returns both.
func (c *cache) namespaced(path string) (namespace, id string, ok bool) {
	for name := range cgroup.Components(path) {
		if namespace == "" {
			namespace = name
			continue
		}
		id = name
		break
	}
	if id == "" {
		return "", "", false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, names := range c.namespaces {
		for _, n := range names {
			if n == namespace {
				return namespace, id, true
			}
		}
	}
	return "", "", false
}
