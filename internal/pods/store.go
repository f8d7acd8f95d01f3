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
	// keepRemoved is how long a removed pod stays known.
	keepRemoved = time.Minute
	// maxLabels bounds the labels of a pod or another object, in bytes.
	maxLabels = 16 << 10
	// hashLabel is what a Deployment's replica set has in its name, behind the Deployment's (Kubernetes' "Deployments", pod-template-hash).
	hashLabel = "pod-template-hash"
	// mirrorAnnotation is of a static pod's image at the API server, which has a uid of its own: the uid by which the kubelet and
	// the runtime know the pod (Kubernetes' "Well-Known Labels, Annotations and Taints").
	mirrorAnnotation = "kubernetes.io/config.mirror"
)

// store keeps what the reflector or the poller receives.
type store struct {
	max      int
	now      func() time.Time
	onSynced func(pods int) // called with the lock held, when all pods were received and when the first pod comes later
	synced   atomic.Bool

	refused, cut atomic.Uint64

	// published is what lookup reads without a lock: a copy made at each change, which is never modified.
	published atomic.Pointer[map[string]*event.PodMeta]

	mu      sync.RWMutex      // guards what follows
	pods    map[string]*entry // by uid
	related *related
}

type entry struct {
	meta *event.PodMeta
	// api is the uid at the API server, which differs for static pods.
	api types.UID
	// removed is when the pod went; zero while it is there.
	removed time.Time
}

func newStore(limit int, now func() time.Time, onSynced func(pods int)) *store {
	s := &store{max: limit, now: now, onSynced: onSynced, pods: map[string]*entry{}, related: newRelated()}
	s.publish()
	return s
}

func (s *store) lookup(uid string) *event.PodMeta { return (*s.published.Load())[uid] }

// publish makes the present pods visible to lookup. The caller holds the lock.
func (s *store) publish() {
	shown := make(map[string]*event.PodMeta, len(s.pods))
	for uid, e := range s.pods {
		shown[uid] = e.meta
	}
	s.published.Store(&shown)
}

func (s *store) counters() Counters {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return Counters{
		Pods: len(s.pods), Refused: s.refused.Load(), Cut: s.cut.Load(),
		Objects: s.related.size(), ObjectsLeft: s.related.left, ObjectFailures: s.related.failures,
	}
}

// Add keeps a new pod.
func (s *store) Add(object any) error {
	pod, err := podOf(object)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	first := len(s.pods) == 0
	s.put(pod)
	s.publish()
	if first && s.synced.Load() {
		s.onSynced(len(s.pods))
	}
	return nil
}

// Update keeps a changed pod.
func (s *store) Update(object any) error { return s.Add(object) }

// Delete marks a pod as removed.
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
	s.dropExpired()
	s.publish()
	return nil
}

// Replace keeps a list of all pods and marks the others as removed.
func (s *store) Replace(list []any, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	present := make(map[string]bool, len(list))
	for _, object := range list {
		pod, err := podOf(object)
		if err != nil {
			return err
		}
		present[uidOf(pod)] = true
		s.put(pod)
	}
	s.endList(present)
	return nil
}

// keep adds a pod of a list, which [store.retain] or [store.abandon] publishes. False: it is beyond the bound.
func (s *store) keep(pod *metav1.PartialObjectMetadata) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(pod)
	return s.pods[uidOf(pod)] != nil
}

// retain ends a list of all pods: the others are marked as removed.
func (s *store) retain(present map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endList(present)
}

// abandon ends an incomplete list: no pod is marked as removed.
func (s *store) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.publish()
}

func (s *store) endList(present map[string]bool) {
	for uid, e := range s.pods {
		if !present[uid] && e.removed.IsZero() {
			e.removed = s.now()
		}
	}
	s.dropExpired()
	s.publish()
	s.synced.Store(true)
	s.onSynced(len(s.pods))
}

// Resync has nothing to do: the store has no listeners.
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
		return // who creates pods can write another pod's uid into the annotation
	}
	if s.pods[uid] == nil && len(s.pods) >= s.max {
		if s.dropExpired(); len(s.pods) >= s.max {
			s.refused.Add(1)
			return
		}
	}
	m := s.trim(pod)
	if !s.related.setRelated(m) {
		s.related.wake()
	}
	s.pods[uid] = &entry{meta: m, api: pod.UID}
}

// dropExpired drops the pods that were removed more than keepRemoved ago.
func (s *store) dropExpired() {
	now := s.now()
	for uid, e := range s.pods {
		if !e.removed.IsZero() && now.Sub(e.removed) > keepRemoved {
			delete(s.pods, uid)
		}
	}
}

// boundLabels returns labels, nil if they are too large.
func (s *store) boundLabels(labels map[string]string) map[string]string {
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

// trim keeps labels and owner. Annotations and managed fields, which are most of a pod's metadata, are dropped.
func (s *store) trim(pod *metav1.PartialObjectMetadata) *event.PodMeta {
	m := &event.PodMeta{Name: pod.Name, Namespace: pod.Namespace, UID: uidOf(pod)}
	m.Labels = s.boundLabels(pod.Labels)
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
