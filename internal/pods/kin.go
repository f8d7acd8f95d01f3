package pods

import (
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/saker-sensor/saker/internal/event"
)

// Kind of an object around a pod.
type Kind uint8

// The kinds.
const (
	Namespace Kind = iota
	Deployment
	ReplicaSet
	ReplicationController
	// Service is all services of a namespace.
	Service

	// Kinds is their number.
	Kinds = iota
)

// access is what a role has to grant, in its words.
type access struct{ group, resource, verb string }

// accesses are by kind.
var accesses = [Kinds]access{
	Namespace:             {"", "namespaces", "get"},
	Deployment:            {"apps", "deployments", "get"},
	ReplicaSet:            {"apps", "replicasets", "get"},
	ReplicationController: {"", "replicationcontrollers", "get"},
	Service:               {"", "services", "list"},
}

// Access is the verb and the resource that a role has to grant for objects of the kind.
func (k Kind) Access() string { return accesses[k].verb + " " + accesses[k].resource }

const (
	defaultRefresh = 5 * time.Minute
	// ownersRefresh is how many times as long the pods' owners are kept: their labels hardly change, and a new version of an owner's pods
	// has another replica set.
	ownersRefresh = 6
	// maxObjects bounds the objects around the pods.
	maxObjects = 4096
	// A kind that can't be had is asked for again after longer and longer times; as often as others are refreshed, where the role forbids it.
	firstRetry, lastRetry = time.Second, 30 * time.Second
)

// kin knows the objects around the pods, those of the kinds that are wanted. The store's lock guards it.
type kin struct {
	refresh time.Duration
	max     int
	wanted  [Kinds]bool
	known   map[key]*relative
	trouble [Kinds]trouble
	// left are the objects without space.
	left     int
	failures uint64
	changed  chan struct{} // holds one: there is something new to ask for
}

// key names an object, or, with the name of a namespace, its services.
type key struct {
	kind            Kind
	namespace, name string
}

// relative is what is known of a key.
type relative struct {
	object   *event.Object // nil if there is none, or it was not asked for yet
	services []service
	// left are the services without space.
	left int
	// due is when it is asked for again, missed how often in a row there was none.
	due    time.Time
	missed int
}

// service is one that selects pods.
type service struct {
	object   *event.Object
	selector map[string]string
}

// selects tells whether pods with the labels are the service's.
func (s *service) selects(labels map[string]string) bool {
	for key, value := range s.selector {
		if has, ok := labels[key]; !ok || has != value {
			return false
		}
	}
	return true
}

// answer is what a request has brought.
type answer struct {
	object   *event.Object // nil if there is none
	services []service     // sorted by name
	left     int           // services that are too many
}

// trouble is why a kind can't be had.
type trouble struct {
	err   error
	row   int       // failures in a row
	until time.Time // it is left alone
}

func newKin() *kin {
	return &kin{refresh: defaultRefresh, max: maxObjects, known: map[key]*relative{}, changed: make(chan struct{}, 1)}
}

// wake has the objects that are due looked for now.
func (k *kin) wake() {
	select {
	case k.changed <- struct{}{}:
	default:
	}
}

// around are the objects around a pod that are wanted.
func (k *kin) around(m *event.PodMeta) []key {
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

// join gives a pod, which nobody else knows yet, the objects around it. It is false if some were not asked for yet.
func (k *kin) join(m *event.PodMeta) bool {
	all := true
	m.Kin = event.Kin{}
	for _, at := range k.around(m) {
		r := k.known[at]
		if r == nil {
			all = false
			continue
		}
		switch at.kind {
		case Namespace:
			m.Kin.Namespace = r.object
		case Deployment:
			m.Kin.Deployment = r.object
		case ReplicaSet:
			m.Kin.ReplicaSet = r.owner(m)
		case ReplicationController:
			m.Kin.ReplicationController = r.owner(m)
		case Service:
			for i := range r.services {
				if s := &r.services[i]; s.selects(m.Labels) {
					m.Kin.Services = append(m.Kin.Services, s.object)
				}
			}
		}
	}
	return all
}

// owner is the object if it is the one that controls the pod, and not another that has its name now.
func (r *relative) owner(m *event.PodMeta) *event.Object {
	if r.object == nil || r.object.UID != m.Owner.UID {
		return nil
	}
	return r.object
}

// want sets the kinds that are asked for from now on.
func (s *store) want(kinds [Kinds]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kin.wanted == kinds {
		return
	}
	s.kin.wanted = kinds
	for i := range s.kin.trouble {
		if !kinds[i] {
			s.kin.trouble[i] = trouble{}
		}
	}
	s.rejoin(func(*event.PodMeta) bool { return true })
	s.kin.wake()
}

// rejoin looks for the objects around some pods again. Who has a pod's metadata keeps what it was.
func (s *store) rejoin(which func(*event.PodMeta) bool) {
	for _, e := range s.pods {
		if which(e.meta) {
			m := *e.meta
			s.kin.join(&m)
			e.meta = &m
		}
	}
	s.show()
}

// next is the object that has been due for longest; if there is none, wait is how long that stays so. Objects that no pod is about any more
// are forgotten.
func (s *store) next() (at key, wait time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, now := s.kin, s.now()
	around := map[key]bool{}
	for _, e := range s.pods {
		if e.removed.IsZero() {
			for _, at := range k.around(e.meta) {
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
			r = &relative{due: now}
			k.known[one] = r
		}
		left += r.left
		due := r.due
		if until := k.trouble[one.kind].until; due.Before(until) {
			due = until
		}
		if in := due.Sub(now); in < wait {
			at, wait = one, in
		}
	}
	k.left = left
	return at, wait, wait <= 0
}

// size is the number of objects that are known or asked for.
func (k *kin) size() int {
	n := len(k.known)
	for _, r := range k.known {
		n += len(r.services)
	}
	return n
}

// learn notes what a request has brought.
func (s *store) learn(at key, got answer, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, now := s.kin, s.now()
	trouble := &k.trouble[at.kind]
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
	} else { // perhaps not yet: the API server's cache may be late
		again = later(firstRetry, r.missed, again)
		r.missed++
	}
	r.due = now.Add(spread(again))
	s.rejoin(func(m *event.PodMeta) bool { return at.concerns(m) })
}

// concerns tells whether an object may be around a pod.
func (at key) concerns(m *event.PodMeta) bool {
	if at.kind == Namespace || at.kind == Service {
		return m.Namespace == at.name
	}
	return m.Namespace == at.namespace && (m.Owner.Name == at.name || m.Deployment == at.name)
}

// later is a time that doubles with the number of times that it was waited for, up to a longest.
func later(first time.Duration, times int, longest time.Duration) time.Duration {
	return min(first<<min(times, 20), longest)
}

// spread makes a time shorter by up to a quarter, so that the nodes of a cluster do not ask together.
func spread(d time.Duration) time.Duration { return d - time.Duration(rand.Int64N(int64(d)/4+1)) }
