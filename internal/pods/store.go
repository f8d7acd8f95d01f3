package pods

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/saker-sensor/saker/internal/event"
)

const (
	// memory is how long a removed pod stays known.
	memory = time.Minute
	// maxLabels bounds the labels of a pod or another object, in bytes.
	maxLabels = 16 << 10
	// hashLabel is what a Deployment's replica set has in its name, behind the Deployment's (Kubernetes' "Deployments", pod-template-hash).
	hashLabel = "pod-template-hash"
	// mirrorAnnotation is of a static pod's image at the API server, which has a uid of its own: the uid by which the kubelet and the runtime know
	// the pod (Kubernetes' "Well-Known Labels, Annotations and Taints").
	mirrorAnnotation = "kubernetes.io/config.mirror"
)

// store is where the reflector puts what it receives.
type store struct {
	max    int
	now    func() time.Time
	full   func(pods int) // called when all pods were received, and with the first one that comes later; it may not call back
	synced atomic.Bool

	refused, cut atomic.Uint64

	// shown is what lookup reads, so that the event loop waits for nobody: a copy that nobody changes, made anew with each change.
	shown atomic.Pointer[map[string]*event.PodMeta]

	mu   sync.RWMutex      // guards what follows
	pods map[string]*entry // by uid
	kin  *kin
}

type entry struct {
	meta *event.PodMeta
	// api is the uid at the API server.
	api types.UID
	// removed is when the pod went; zero while it is there.
	removed time.Time
}

func newStore(limit int, now func() time.Time, full func(pods int)) *store {
	s := &store{max: limit, now: now, full: full, pods: map[string]*entry{}, kin: newKin()}
	s.show()
	return s
}

func (s *store) lookup(uid string) *event.PodMeta { return (*s.shown.Load())[uid] }

// show has lookup see the pods as they are. The caller has the lock.
func (s *store) show() {
	shown := make(map[string]*event.PodMeta, len(s.pods))
	for uid, e := range s.pods {
		shown[uid] = e.meta
	}
	s.shown.Store(&shown)
}

func (s *store) counters() Counters {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return Counters{
		Pods: len(s.pods), Refused: s.refused.Load(), Cut: s.cut.Load(),
		Objects: s.kin.size(), ObjectsLeft: s.kin.left, ObjectFailures: s.kin.failures,
	}
}

// Add keeps a pod.
func (s *store) Add(object any) error {
	pod, err := podOf(object)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	first := len(s.pods) == 0
	s.put(pod)
	s.show()
	if first && s.synced.Load() {
		s.full(len(s.pods))
	}
	return nil
}

// Update keeps what a pod has become.
func (s *store) Update(object any) error { return s.Add(object) }

// Delete forgets a pod, after a while.
func (s *store) Delete(object any) error {
	pod, err := podOf(object)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.pods[uidOf(pod)]; e != nil && e.api == pod.UID && e.removed.IsZero() {
		e.removed = s.now()
	}
	s.forget()
	s.show()
	return nil
}

// Replace keeps a list of all pods; those that it lacks were removed.
func (s *store) Replace(list []any, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	there := make(map[string]bool, len(list))
	for _, object := range list {
		pod, err := podOf(object)
		if err != nil {
			return err
		}
		there[uidOf(pod)] = true
		s.put(pod)
	}
	s.all(there)
	return nil
}

// keep keeps a pod, unless there is no space. It is shown with the list that it is of.
func (s *store) keep(pod *metav1.PartialObjectMetadata) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(pod)
	return s.pods[uidOf(pod)] != nil
}

// retain ends a list of all pods: those that are not there were removed.
func (s *store) retain(there map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all(there)
}

// abandon ends a list that broke off: it tells of no pod that it was removed.
func (s *store) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.show()
}

func (s *store) all(there map[string]bool) {
	for uid, e := range s.pods {
		if !there[uid] && e.removed.IsZero() {
			e.removed = s.now()
		}
	}
	s.forget()
	s.show()
	s.synced.Store(true)
	s.full(len(s.pods))
}

// Resync has nothing to do: nobody is told of changes.
func (s *store) Resync() error { return nil }

func podOf(object any) (*metav1.PartialObjectMetadata, error) {
	pod, ok := object.(*metav1.PartialObjectMetadata)
	if !ok {
		return nil, fmt.Errorf("read a pod: it came as %T", object)
	}
	return pod, nil
}

// uidOf is the uid by which the runtime knows a pod.
func uidOf(pod *metav1.PartialObjectMetadata) string {
	if uid := pod.Annotations[mirrorAnnotation]; uid != "" {
		return uid
	}
	return string(pod.UID)
}

func (s *store) put(pod *metav1.PartialObjectMetadata) {
	uid := uidOf(pod)
	if old := s.pods[uid]; old != nil && old.api != pod.UID && uid != string(pod.UID) {
		return // whoever makes pods may write another's uid into an annotation
	}
	if s.pods[uid] == nil && len(s.pods) >= s.max {
		if s.forget(); len(s.pods) >= s.max {
			s.refused.Add(1)
			return
		}
	}
	m := s.trim(pod)
	if !s.kin.join(m) {
		s.kin.wake()
	}
	s.pods[uid] = &entry{meta: m, api: pod.UID}
}

// forget drops what was removed long enough ago.
func (s *store) forget() {
	now := s.now()
	for uid, e := range s.pods {
		if !e.removed.IsZero() && now.Sub(e.removed) > memory {
			delete(s.pods, uid)
		}
	}
}

// short are labels, nil if they are too long.
func (s *store) short(labels map[string]string) map[string]string {
	size := 0
	for key, value := range labels {
		size += len(key) + len(value)
	}
	if size > maxLabels {
		s.cut.Add(1)
		return nil
	}
	return labels
}

// trim keeps labels and owner; annotations and the managers of fields, which are most of a pod's metadata, are let go.
func (s *store) trim(pod *metav1.PartialObjectMetadata) *event.PodMeta {
	m := &event.PodMeta{Name: pod.Name, Namespace: pod.Namespace, UID: uidOf(pod)}
	m.Labels = s.short(pod.Labels)
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return m
	}
	m.Owner = event.Owner{Kind: owner.Kind, Name: owner.Name, UID: string(owner.UID)}
	if hash := pod.Labels[hashLabel]; owner.Kind == "ReplicaSet" && hash != "" {
		m.Deployment, _ = strings.CutSuffix(owner.Name, "-"+hash)
		if m.Deployment == owner.Name {
			m.Deployment = ""
		}
	}
	return m
}
