package enrich

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/saker-sensor/saker/internal/enrich/runtimes"
)

const (
	// callTimeout bounds all questions about one container, listTimeout a
	// listing.

	callTimeout = 5 * time.Second
	listTimeout = 30 * time.Second
	// concurrentRequests is the number of containers that are looked at at the same time. Docker and Podman leave a question
	// unanswered while they start the container.
	concurrentRequests = 32
	// maxJobs bounds the containers that wait to be looked at.
	maxJobs = 16384
	// listAgain is when the containers are listed for a second time: the first listing and the beginning of the event
	// stream are not one, so that a container made between the two may be in neither.
	listAgain = time.Second
	// heartbeatEvery is how often a runtime has to show that it still answers, heartbeatTimeout how long it may take.
	heartbeatEvery   = 5 * time.Second
	heartbeatTimeout = 5 * time.Second
)

// session is one connection to a runtime.
type session struct {
	*watcher
	ctx    context.Context
	stop   context.CancelCauseFunc
	client client
	events <-chan runtimes.Change
	errs   <-chan error
	queue  *queue
	// listings asks for one.
	listings chan struct{}
	done     sync.WaitGroup
}

// connect returns once the runtime has answered, with the events that it sends from then on. The caller has to close
// the session.
func (w *watcher) connect(ctx context.Context, place string) (s *session, version string, err error) {
	s = &session{watcher: w, queue: newQueue(maxJobs), listings: make(chan struct{}, 1)}
	s.ctx, s.stop = context.WithCancelCause(ctx)
	if s.client, version, err = w.open(s.ctx, place); err != nil {
		s.stop(nil)
		return nil, "", err
	}
	s.events, s.errs = s.client.Events(s.ctx)
	for range concurrentRequests {
		s.done.Go(s.work)
	}
	s.done.Go(s.heartbeat)
	return s, version, nil
}

func (s *session) close() {
	s.stop(nil)
	s.queue.close()
	s.done.Wait()
}

// beat asks for a container that no runtime has, again and again, and ends the session if the answer does not come: a runtime
// that hangs sends neither events nor errors.
func (s *session) heartbeat() {
	for {
		sleep(s.ctx, heartbeatEvery)
		ctx, cancel := context.WithTimeout(s.ctx, heartbeatTimeout)
		_, err := s.client.Get(ctx, "", "saker-are-you-there")
		late := ctx.Err() != nil
		cancel()
		switch {
		case s.ctx.Err() != nil:
			return
		case late:
			s.stop(fmt.Errorf("ask %s: it does not answer within %v", s.kind, heartbeatTimeout))
			return
		case err != nil && !errors.Is(err, runtimes.ErrNotFound):
			s.counters.runtimeErrors.Add(1)
		}
	}
}

// relist lists the containers when it is asked to. Events and questions do not wait for it: a busy runtime takes its time.
func (s *session) relist() {
	defer func() {
		if fault := recover(); fault != nil {
			s.counters.panics.Add(1)
			s.stop(fmt.Errorf("list the containers of %s: panic: %v", s.socket, fault))
		}
	}()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.listings:
		}
		if err := s.list(); err != nil {
			s.stop(err) // which has no effect if it has ended before
			return
		}
	}
}

// requestListing asks for a listing that begins after this call.
func (s *session) requestListing() {
	select {
	case s.listings <- struct{}{}:
	default:
	}
}

// follow handles events and questions until the stream ends.
func (s *session) follow() error {
	s.done.Go(s.relist)
	again := time.NewTimer(listAgain)
	defer again.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		case err := <-s.errs:
			switch {
			case s.ctx.Err() != nil:
				return context.Cause(s.ctx)
			case err == nil:
				err = errStreamEnded
			}
			return fmt.Errorf("read the events of %s: %w", s.kind, err)
		case <-again.C:
			s.requestListing()
		case n := <-s.events:
			if n.All {
				s.requestListing()
				continue
			}
			k := key{s.socket, n.Namespace, n.ID}
			if n.Container != nil {
				s.announce(k, n.Container)
			}
			s.enqueue(job{key: k, started: n.Started})
		case q := <-s.requests:
			s.enqueue(job{key: key{s.socket, q.namespace, q.id}, query: q})
		}
	}
}

func (s *session) enqueue(j job) {
	if !s.queue.add(j) {
		s.counters.requestsDropped.Add(1)
	}
}

// list queues every container that is not known yet, and marks the known ones that are gone.
func (s *session) list() error {
	ctx, cancel := context.WithTimeout(s.ctx, listTimeout)
	defer cancel()
	began, listed := time.Now(), map[key]bool{}
	all, err := s.client.List(ctx)
	if err != nil {
		return err
	}
	if all.Namespaces != nil {
		s.cache.setNamespaces(s.socket, all.Namespaces)
	}
	for _, c := range all.Containers {
		k := key{s.socket, c.Namespace, c.ID}
		listed[k] = true
		if !s.leftToDocker(k) && !s.cache.has(k, c.Created, c.Updated) {
			// Whose the cgroup is has to be known before the details are.
			s.announce(k, c)
			s.enqueue(job{key: k, container: c})
		}
	}
	s.cache.retain(s.socket, listed, began)
	return nil
}

// yields tells whether another runtime that is watched knows more of a container: Docker runs its containers by
// containerd, and tells it neither their names nor their images.
func (s *session) leftToDocker(k key) bool {
	return s.kind == runtimes.Containerd && k.namespace == runtimes.DockerNamespace && s.hasDocker()
}

func (s *session) announce(k key, c *runtimes.Container) *entry {
	rank := rankNormal
	if s.kind == runtimes.Containerd && c.Namespace == runtimes.DockerNamespace {
		rank = rankIncomplete
	}
	e := &entry{key: k, paths: c.Paths, cgroupPrefix: s.cgroupPrefix, rank: rank, created: c.Created}
	e.hint.Store(c.Hint)
	return s.cache.announce(e)
}

// work does jobs until the queue is closed.
func (s *session) work() {
	for {
		j, ok := s.queue.take()
		if !ok {
			return
		}
		s.guardedDo(j)
		s.queue.finish(j.key)
	}
}

func (s *session) guardedDo(j job) {
	defer func() {
		if recover() != nil {
			s.counters.panics.Add(1)
		}
	}()
	ctx, cancel := context.WithTimeout(s.ctx, callTimeout)
	defer cancel()
	if err := s.do(ctx, j); err != nil && s.ctx.Err() == nil {
		s.counters.runtimeErrors.Add(1)
	}
}

// do looks at a container. An error means that the runtime did not say.
func (s *session) do(ctx context.Context, j job) error {
	if !j.started.IsZero() && j.query == nil && s.cache.start(j.key, j.started) {
		return nil
	}
	c := j.container
	if c == nil {
		var err error
		c, err = s.client.Get(ctx, j.key.namespace, j.key.id)
		if errors.Is(err, runtimes.ErrNotFound) {
			s.cache.remove(j.key, time.Now())
			s.answerNotFound(j.query)
			return nil
		}
		if err != nil {
			return fmt.Errorf("ask for container %s: %w", j.key.id, err)
		}
	}
	k := key{s.socket, c.Namespace, c.ID}
	if s.leftToDocker(k) {
		s.answerNotFound(j.query)
		return nil
	}
	s.learn(ctx, k, c)
	if !j.started.IsZero() {
		s.cache.start(k, j.started)
	}
	return nil
}

// learn asks for what belongs to a container and publishes it all.
func (s *session) learn(ctx context.Context, k key, c *runtimes.Container) {
	entry := s.announce(k, c)
	if entry == nil {
		return
	}
	d := c.Describe(ctx)
	if d == nil {
		s.counters.runtimeErrors.Add(1)
		return
	}
	s.cache.setPaths(entry, d.Paths)
	s.counters.labelsCut.Add(uint64(d.Cut))

	r := &record{container: d.Container, probes: d.Probes, updated: c.Updated}
	if old := entry.record.Load(); old != nil {
		r.accounts, r.files, r.root = old.accounts, old.files, old.root
	} else if d.Root != nil && s.cgroupPrefix == "" {
		if r.root = d.Root(ctx); r.root != nil {
			r.accounts, r.files, _ = s.reader.read(r.root, accountFiles{}, nil, func() {})
		}
	}
	s.cache.publish(entry, r)
}
