package enrich

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	eventsapi "github.com/containerd/containerd/api/events"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/events"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/typeurl/v2"
)

const (
	// callTimeout bounds all questions about one container, listTimeout a listing.
	callTimeout = 2 * time.Second
	listTimeout = 30 * time.Second
	// askers is the number of containers that are looked at at the same time.
	askers = 4
	// maxJobs bounds the containers that wait to be looked at.
	maxJobs = 16384
	// listAgain is when the containers are listed for a second time: the first listing and the beginning of the event
	// stream are not one, so that a container made between the two may be in neither.
	listAgain = time.Second
)

// topics are the events that change what is known.
var topics = []string{
	`topic~="^/containers/(create|update|delete)$"`,
	`topic=="/tasks/start"`,
	`topic~="^/namespaces/(create|delete)$"`,
}

// session is one connection to a containerd.
type session struct {
	*watcher
	ctx    context.Context
	stop   context.CancelFunc
	client *containerd.Client
	events <-chan *events.Envelope
	errs   <-chan error
	queue  *queue
	done   sync.WaitGroup

	mu         sync.Mutex
	namespaces []string
}

// connect returns once containerd has answered, with the events that it sends from then on. The caller has to close
// the session.
func (w *watcher) connect(ctx context.Context, place string) (s *session, version string, err error) {
	client, err := containerd.New(place, containerd.WithTimeout(callTimeout))
	if err != nil {
		return nil, "", fmt.Errorf("connect to containerd: %w", err)
	}
	asking, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := client.Version(asking)
	if err != nil {
		client.Close()
		return nil, "", fmt.Errorf("connect to containerd: %w", err)
	}
	s = &session{watcher: w, client: client, queue: newQueue(maxJobs)}
	s.ctx, s.stop = context.WithCancel(ctx)
	s.events, s.errs = client.Subscribe(s.ctx, topics...)
	for range askers {
		s.done.Go(s.work)
	}
	return s, answer.Version, nil
}

func (s *session) close() {
	s.stop()
	s.queue.close()
	s.done.Wait()
	s.client.Close()
}

// follow handles events and questions until the stream ends.
func (s *session) follow() error {
	again := time.NewTimer(listAgain)
	defer again.Stop()
	for {
		var err error
		select {
		case <-s.ctx.Done():
			return s.ctx.Err()
		case err = <-s.errs:
			if err == nil {
				err = errStreamEnded
			}
			err = fmt.Errorf("read containerd's events: %w", err)
		case <-again.C:
			err = s.list()
		case envelope := <-s.events:
			err = s.handle(envelope)
		case q := <-s.requests:
			s.enqueue(job{key: key{s.socket, q.namespace, q.id}, want: q})
		}
		if err != nil {
			return err
		}
	}
}

// handle turns an event into a job. Nothing in it is believed but the container's name: the job asks for the rest.
func (s *session) handle(envelope *events.Envelope) error {
	if strings.HasPrefix(envelope.Topic, "/namespaces/") {
		return s.listNamespaces()
	}
	value, err := typeurl.UnmarshalAny(envelope.Event)
	if err != nil {
		s.counters.runtimeErrors.Add(1)
		return nil
	}
	j := job{key: key{socket: s.socket, namespace: envelope.Namespace}}
	switch e := value.(type) {
	case *eventsapi.ContainerCreate:
		j.key.id = e.ID
	case *eventsapi.ContainerUpdate:
		j.key.id = e.ID
	case *eventsapi.ContainerDelete:
		j.key.id = e.ID
	case *eventsapi.TaskStart:
		j.key.id, j.started = e.ContainerID, envelope.Timestamp
	default:
		return nil
	}
	s.enqueue(j)
	return nil
}

func (s *session) enqueue(j job) {
	if !s.queue.add(j) {
		s.counters.requestsDropped.Add(1)
	}
}

// listNamespaces learns which first parts of a cgroup path may be containerd's own.
func (s *session) listNamespaces() error {
	ctx, cancel := context.WithTimeout(s.ctx, callTimeout)
	defer cancel()
	names, err := s.client.NamespaceService().List(ctx)
	if err != nil {
		return fmt.Errorf("list containerd's namespaces: %w", err)
	}
	s.mu.Lock()
	s.namespaces = names
	s.mu.Unlock()
	s.cache.setNamespaces(s.socket, names)
	return nil
}

// list queues every container that is not known yet, and marks the known ones that are gone.
func (s *session) list() error {
	if err := s.listNamespaces(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.ctx, listTimeout)
	defer cancel()
	began, listed := time.Now(), map[key]bool{}
	for _, namespace := range s.namespaces {
		all, err := s.client.ContainerService().List(namespaces.WithNamespace(ctx, namespace))
		if err != nil {
			return fmt.Errorf("list the containers of %s: %w", namespace, err)
		}
		for _, c := range all {
			k := key{s.socket, namespace, c.ID}
			listed[k] = true
			if !s.cache.has(k, c.CreatedAt, c.UpdatedAt) {
				// Whose the cgroup is has to be known before the details are.
				s.cache.announce(k, runtimePaths(parseSpec(c.Spec).Linux.CgroupsPath, k.id), c.CreatedAt)
				s.enqueue(job{key: k, found: &c})
			}
		}
	}
	s.cache.retain(s.socket, listed, began)
	return nil
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

// do looks at a container. An error means that containerd did not say.
func (s *session) do(ctx context.Context, j job) error {
	if !j.started.IsZero() && j.want == nil && s.cache.start(j.key, j.started) {
		return nil
	}
	candidates := []string{j.key.namespace}
	if j.key.namespace == "" {
		s.mu.Lock()
		candidates = slices.Clone(s.namespaces)
		s.mu.Unlock()
	}
	for _, namespace := range candidates {
		k := key{s.socket, namespace, j.key.id}
		ctx := namespaces.WithNamespace(ctx, namespace)
		c := j.found
		if c == nil {
			got, err := s.client.ContainerService().Get(ctx, k.id)
			if errdefs.IsNotFound(err) {
				s.cache.remove(k, time.Now())
				continue
			}
			if err != nil {
				return fmt.Errorf("ask for container %s: %w", k.id, err)
			}
			c = &got
		}
		s.learn(ctx, k, *c)
		if !j.started.IsZero() {
			s.cache.start(k, j.started)
		}
		return nil
	}
	if j.want != nil {
		s.deny(j.want)
	}
	return nil
}

// learn asks for what belongs to a container and publishes it all. What cannot be had is left out.
func (s *session) learn(ctx context.Context, k key, c containers.Container) {
	spec := parseSpec(c.Spec)
	entry := s.cache.announce(k, runtimePaths(spec.Linux.CgroupsPath, k.id), c.CreatedAt)
	if entry == nil {
		return
	}
	img := s.image(ctx, c)
	sandbox := s.sandbox(ctx, k.namespace, c, sandboxOf(c, spec))
	container, cut := buildContainer(k.namespace, c, spec, img, sandbox)
	s.counters.labelsCut.Add(uint64(cut))

	r := &record{container: container, updated: c.UpdatedAt}
	if old := entry.record.Load(); old != nil {
		r.accounts, r.files, r.root = old.accounts, old.files, old.root
	} else if r.root = s.layers(ctx, c); r.root != nil {
		r.accounts, r.files, _ = s.reader.read(r.root, accountFiles{}, nil, func() {})
	}
	s.cache.publish(entry, r)
}
