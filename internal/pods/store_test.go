package pods

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/saker-sensor/saker/internal/event"
)

func pod(uid string, labels map[string]string, owners ...metav1.OwnerReference) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Name: "shop-" + uid, Namespace: "checkout", UID: types.UID(uid), Labels: labels, OwnerReferences: owners,
		Annotations: map[string]string{"note": strings.Repeat("x", 1<<20)},
	}}
}

// static is a static pod as the API server has it.
func static(pod *metav1.PartialObjectMetadata, uid string) *metav1.PartialObjectMetadata {
	pod.Annotations[mirrorAnnotation] = uid
	return pod
}

func controller(kind, name string) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{Kind: kind, Name: name, UID: "o-1", Controller: &yes}
}

// TestTrim: of a pod its labels and its owner are kept; a Deployment is known by the name of its replica set.
func TestTrim(t *testing.T) {
	s := newStore(10, time.Now, func(int) {})
	shop := map[string]string{"app": "shop", hashLabel: "7d4b"}
	for _, c := range []struct {
		what string
		pod  *metav1.PartialObjectMetadata
		want event.PodMeta
	}{
		{"of a Deployment", pod("a", shop, controller("ReplicaSet", "shop-7d4b")), event.PodMeta{
			Labels: shop, Owner: event.Owner{Kind: "ReplicaSet", Name: "shop-7d4b", UID: "o-1"}, Deployment: "shop",
		}},
		{"of a replica set of its own", pod("b", map[string]string{hashLabel: "7d4b"}, controller("ReplicaSet", "shop")), event.PodMeta{
			Labels: map[string]string{hashLabel: "7d4b"}, Owner: event.Owner{Kind: "ReplicaSet", Name: "shop", UID: "o-1"},
		}},
		{"of a DaemonSet", pod("c", shop, controller("DaemonSet", "shop-7d4b")), event.PodMeta{
			Labels: shop, Owner: event.Owner{Kind: "DaemonSet", Name: "shop-7d4b", UID: "o-1"},
		}},
		{"static", static(pod("0", shop), "h-1"), event.PodMeta{Labels: shop}},
		{"of nobody", pod("d", nil), event.PodMeta{}},
		{"owned, but not controlled", pod("e", nil, metav1.OwnerReference{Kind: "Shop", Name: "s"}), event.PodMeta{}},
		{"with labels that are too long", pod("f", map[string]string{"a": strings.Repeat("x", maxLabels)}), event.PodMeta{}},
	} {
		c.want.Name, c.want.Namespace, c.want.UID = c.pod.Name, c.pod.Namespace, string(c.pod.UID)
		if uid := c.pod.Annotations[mirrorAnnotation]; uid != "" { // as the runtime says
			c.want.UID = uid
		}
		if err := s.Add(c.pod); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&c.want, s.lookup(c.want.UID)); diff != "" {
			t.Errorf("%s: %s", c.what, diff)
		}
	}
	if got := s.counters(); got.Cut != 1 || got.Pods != 7 {
		t.Errorf("counters %+v", got)
	}
}

// TestStoreIsBounded: pods that find no space are counted; those that were removed a minute ago make room.
func TestStoreIsBounded(t *testing.T) {
	now := time.Now()
	full := 0
	s := newStore(3, func() time.Time { return now }, func(int) { full++ })
	var list []any
	for i := range 5 {
		list = append(list, pod(fmt.Sprint(i), nil))
	}
	if err := s.Replace(list[:4], "1"); err != nil {
		t.Fatal(err)
	}
	if got := s.counters(); got.Pods != 3 || got.Refused != 1 || full != 1 || !s.synced.Load() {
		t.Errorf("counters %+v, %d calls", got, full)
	}
	if err := s.Delete(list[0]); err != nil {
		t.Fatal(err)
	}
	if err := s.Replace(list[1:2], "2"); err != nil {
		t.Fatal(err)
	}
	if s.lookup("0") == nil || s.lookup("2") == nil {
		t.Error("a removed pod is forgotten at once")
	}
	now = now.Add(keepRemoved + time.Second)
	if err := s.Add(list[4]); err != nil {
		t.Fatal(err)
	}
	if s.lookup("0") != nil || s.lookup("2") != nil || s.lookup("1") == nil || s.lookup("4") == nil {
		t.Error("other pods are known than those that are there")
	}
}

// TestFalseMirror: what says of itself that it is a static pod takes no other pod's place.
func TestFalseMirror(t *testing.T) {
	s := newStore(10, time.Now, func(int) {})
	for _, p := range []*metav1.PartialObjectMetadata{pod("a", nil), static(pod("b", nil), "a"), static(pod("c", nil), "s"),
		static(pod("d", nil), "s")} {
		if err := s.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(static(pod("b", nil), "a")); err != nil {
		t.Fatal(err)
	}
	if a, c := s.lookup("a"), s.lookup("s"); a.Name != "shop-a" || c.Name != "shop-c" || !s.pods["a"].removed.IsZero() {
		t.Errorf("known are %+v, %+v", a, c)
	}
	if err := s.Add(pod("s", nil)); err != nil {
		t.Fatal(err)
	}
	if m := s.lookup("s"); m.Name != "shop-s" {
		t.Errorf("a pod of that uid is %+v", m)
	}
}

// TestLookupWaitsForNobody: the event loop reads while a writer has the lock.
func TestLookupWaitsForNobody(t *testing.T) {
	s := newStore(10, time.Now, func(int) {})
	if err := s.Add(pod("a", nil)); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if allocated := testing.AllocsPerRun(100, func() {
		if s.lookup("a") == nil || s.lookup("b") != nil {
			t.Error("other pods are known than those that are there")
		}
	}); allocated != 0 {
		t.Errorf("%v allocations", allocated)
	}
}

// TestPodOfAnotherKind: what is no pod's metadata is an error, not a crash.
func TestPodOfAnotherKind(t *testing.T) {
	s := newStore(1, time.Now, func(int) {})
	for _, err := range []error{s.Add("x"), s.Update(nil), s.Delete(metav1.Status{}), s.Replace([]any{1}, "")} {
		if err == nil {
			t.Error("it is taken")
		}
	}
	if s.synced.Load() {
		t.Error("a list that could not be read counts as one")
	}
}
