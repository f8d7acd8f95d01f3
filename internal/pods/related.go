package pods

import (
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/saker-sensor/saker/internal/event"
)

// Kind of an object that a pod belongs to.
type Kind uint8

// The kinds.
const (
	Namespace Kind = iota
	Deployment
	ReplicaSet
	ReplicationController
	// Service: all services of a namespace, by one request.
	Service

	// Kinds is the number of kinds.
	Kinds = iota
)

// access is what a role has to grant.
type access struct{ group, resource, verb string }

// accesses has one for each kind.
var accesses = [Kinds]access{
	Namespace:             {"", "namespaces", "get"},
	Deployment:            {"apps", "deployments", "get"},
	ReplicaSet:            {"apps", "replicasets", "get"},
	ReplicationController: {"", "replicationcontrollers", "get"},
	Service:               {"", "services", "list"},
}

// Access returns the verb and the resource that a role has to grant for objects of the kind.
func (k Kind) Access() string { return accesses[k].verb + " " + accesses[k].resource }

const (
	defaultRefresh = 5 * time.Minute
	// ownersRefresh is how many refresh intervals owners are kept: their labels hardly change, and pods of a new version have another
	// replica set.
	ownersRefresh = 6
	// maxObjects bounds the related objects.
	maxObjects = 4096
	// A kind whose request failed is requested again with exponential backoff; where the role forbids it, up to the refresh interval.
	firstRetry, lastRetry = time.Second, 30 * time.Second
)

// related has the objects that the pods belong to, of the wanted kinds. The store's lock guards it.
type related struct {
	refresh time.Duration
	max     int
	wanted  [Kinds]bool
	known   map[key]*cached
	failed  [Kinds]kindFailure
	// left is the number of objects beyond max.
	left     int
	failures uint64
	changed  chan struct{} // has capacity 1: there is something new to request
}

// key names an object; of the kind Service, the services of the namespace that name has.
type key struct {
	kind            Kind
	namespace, name string
}

// cached is the last answer for a key.
type cached struct {
	object   *event.Object // nil if there is none, or before the first answer
	services []service
	// left is the number of services beyond the bound.
	left int
	// due is when it is requested again; missed counts answers in a row without an object.
	due    time.Time
	missed int
}

// service is a service that selects pods.
type service struct {
	object   *event.Object
	selector map[string]string
}

// selects reports whether the service selects pods with these labels.
func (s *service) selects(labels map[string]string) bool {
	for key, value := range s.selector {
		if has, ok := labels[key]; !ok || has != value {
			return false
		}
	}
	return true
}

// answer is the result of a request.
type answer struct {
	object   *event.Object // nil if there is none
	services []service     // sorted by name
	left     int           // services beyond the bound
}

// kindFailure is why objects of a kind can't be read.
type kindFailure struct {
	err   error
	row   int       // failures in a row
	until time.Time // no request before
}

func newRelated() *related {
	return &related{refresh: defaultRefresh, max: maxObjects, known: map[key]*cached{}, changed: make(chan struct{}, 1)}
}

// wake has the goroutine look for due objects now.
func (k *related) wake() {
	select {
	case k.changed <- struct{}{}:
	default:
	}
}

// keysOf returns the keys of the wanted objects that a pod belongs to.
func (k *related) keysOf(m *event.PodMeta) []key {
	var out []key
	add := func(kind Kind, namespace, name string) {
		if k.wanted[kind] && name != "" {
			out = append(out, key{kind, namespace, name})
		}
	}
	add(Namespace, "", m.Namespace)
	add(Service, "", m.Namespace)
	add(Deployment, m.Namespace, m.Deployment)
	switch m.Owner.Kind {
	case "ReplicaSet":
		add(ReplicaSet, m.Namespace, m.Owner.Name)
	case "ReplicationController":
		add(ReplicationController, m.Namespace, m.Owner.Name)
	}
	return out
}

// setRelated sets the objects that a pod belongs to. The pod must not be published yet. It returns false if some objects were never
// requested.
func (k *related) setRelated(m *event.PodMeta) bool {
	all := true
	m.Related = event.Related{}
	for _, at := range k.keysOf(m) {
		r := k.known[at]
		if r == nil {
			all = false
			continue
		}
		switch at.kind {
		case Namespace:
			m.Related.Namespace = r.object
		case Deployment:
			m.Related.Deployment = r.object
		case ReplicaSet:
			m.Related.ReplicaSet = r.owner(m)
		case ReplicationController:
			m.Related.ReplicationController = r.owner(m)
		case Service:
			for i := range r.services {
				if s := &r.services[i]; s.selects(m.Labels) {
					m.Related.Services = append(m.Related.Services, s.object)
				}
			}
		}
	}
	return all
}

// owner returns the object if it controls the pod: another one may have its name by now.
func (r *cached) owner(m *event.PodMeta) *event.Object {
	if r.object == nil || r.object.UID != m.Owner.UID {
		return nil
	}
	return r.object
}

// setKinds sets the wanted kinds.
func (s *store) setKinds(kinds [Kinds]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.related.wanted == kinds {
		return
	}
	s.related.wanted = kinds
	for i := range s.related.failed {
		if !kinds[i] {
			s.related.failed[i] = kindFailure{}
		}
	}
	s.updatePods(func(*event.PodMeta) bool { return true })
	s.related.wake()
}

// updatePods sets the related objects of some pods again, in copies: published metadata does not change.
func (s *store) updatePods(which func(*event.PodMeta) bool) {
	for _, e := range s.pods {
		if which(e.meta) {
			m := *e.meta
			s.related.setRelated(&m)
			e.meta = &m
		}
	}
	s.publish()
}

// next returns the object that has been due longest. If none is due, wait is the time until one is. Objects that no pod belongs to any
// more are dropped.
func (s *store) next() (at key, wait time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, now := s.related, s.now()
	around := map[key]bool{}
	for _, e := range s.pods {
		if e.removed.IsZero() {
			for _, at := range k.keysOf(e.meta) {
				around[at] = true
			}
		}
	}
	for at := range k.known {
		if !around[at] {
			delete(k.known, at)
		}
	}
	size, left := k.size(), 0
	wait = k.refresh
	for one := range around {
		r := k.known[one]
		if r == nil {
			if size >= k.max {
				left++
				continue
			}
			size++
			r = &cached{due: now}
			k.known[one] = r
		}
		left += r.left
		due := r.due
		if until := k.failed[one.kind].until; due.Before(until) {
			due = until
		}
		if in := due.Sub(now); in < wait {
			at, wait = one, in
		}
	}
	k.left = left
	return at, wait, wait <= 0
}

// size is the number of objects known or requested.
func (k *related) size() int {
	n := len(k.known)
	for _, r := range k.known {
		n += len(r.services)
	}
	return n
}

// record keeps the result of a request.
func (s *store) record(at key, got answer, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, now := s.related, s.now()
	trouble := &k.failed[at.kind]
	if err != nil {
		k.failures++
		most := lastRetry
		if apierrors.IsForbidden(err) {
			most = k.refresh
		}
		trouble.err, trouble.until = err, now.Add(spread(later(firstRetry, trouble.row, most)))
		trouble.row++
		return
	}
	trouble.err, trouble.row, trouble.until = nil, 0, time.Time{}
	r := k.known[at]
	if r == nil {
		return
	}
	again := k.refresh
	switch at.kind {
	case Namespace, Service:
	default:
		again *= ownersRefresh
	}
	r.object, r.services = got.object, nil
	r.services = got.services[:min(len(got.services), max(k.max-k.size(), 0))]
	r.left = got.left + len(got.services) - len(r.services)
	if got.object != nil || at.kind == Service {
		r.missed = 0
	} else { // the API server's cache may be behind
		again = later(firstRetry, r.missed, again)
		r.missed++
	}
	r.due = now.Add(spread(again))
	s.updatePods(func(m *event.PodMeta) bool { return at.concerns(m) })
}

// concerns reports whether a pod may belong to an object.
func (at key) concerns(m *event.PodMeta) bool {
	if at.kind == Namespace || at.kind == Service {
		return m.Namespace == at.name
	}
	return m.Namespace == at.namespace && (m.Owner.Name == at.name || m.Deployment == at.name)
}

// later is an exponential backoff: first, doubled for each time before, up to longest.
func later(first time.Duration, times int, longest time.Duration) time.Duration {
	return min(first<<min(times, 20), longest)
}

// spread shortens a time by up to a quarter at random, so that the nodes of a cluster do not send their requests together.
func spread(d time.Duration) time.Duration { return d - time.Duration(rand.Int64N(int64(d)/4+1)) }
