package enrich

import (
	"slices"
	"sync"
	"time"

	"github.com/saker-sensor/saker/internal/enrich/runtimes"
)

// job is a container to be looked at: anew, whatever has happened to it, so that jobs for one container may be merged
// and their order does not matter.
type job struct {
	key key
	// query is set if the event loop has asked; key.namespace may be empty then.
	query *query
	// container is what the runtime said of it, if that is at hand.
	container *runtimes.Container
	// started is when its task started, if that is the news.
	started time.Time
}

// queue holds at most one job for a container, and never gives out two for the same one at a time.
type queue struct {
	limit int

	mu     sync.Mutex
	ready  sync.Cond
	order  []key
	jobs   map[key]*job
	busy   map[key]bool
	closed bool
}

func newQueue(limit int) *queue {
	q := &queue{limit: limit, jobs: map[key]*job{}, busy: map[key]bool{}}
	q.ready.L = &q.mu
	return q
}

// add merges a job into the one that waits for the same container, or queues it: in front if the event loop wants it.
// False means that the queue is full.
func (q *queue) add(j job) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if old := q.jobs[j.key]; old != nil {
		// What was at hand before may be out of date by now.
		old.container = j.container
		if j.query != nil {
			old.query = j.query
			i := slices.Index(q.order, j.key)
			q.order = slices.Insert(slices.Delete(q.order, i, i+1), 0, j.key)
		}
		if !j.started.IsZero() {
			old.started = j.started
		}
		return true
	}
	if len(q.jobs) >= q.limit {
		return false
	}
	q.jobs[j.key] = &j
	if j.query != nil {
		q.order = slices.Insert(q.order, 0, j.key)
	} else {
		q.order = append(q.order, j.key)
	}
	q.ready.Signal()
	return true
}

// take waits for a job; false once the queue is closed. The caller has to call finish.
func (q *queue) take() (job, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if q.closed {
			return job{}, false
		}
		for i, k := range q.order {
			if q.busy[k] {
				continue
			}
			j := q.jobs[k]
			q.order = slices.Delete(q.order, i, i+1)
			delete(q.jobs, k)
			q.busy[k] = true
			return *j, true
		}
		q.ready.Wait()
	}
}

// finish ends a job that was taken.
func (q *queue) finish(k key) {
	q.mu.Lock()
	delete(q.busy, k)
	q.mu.Unlock()
	q.ready.Signal()
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.ready.Broadcast()
}
