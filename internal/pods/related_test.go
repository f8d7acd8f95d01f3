package pods

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/saker-sensor/saker/internal/event"
)

// clock is a store with a time of its own.
type clock struct {
	*store
	now time.Time
}

func newClock() *clock {
	c := &clock{now: time.Unix(1e9, 0)}
	c.store = newStore(100, func() time.Time { return c.now }, func(int) {})
	return c
}

// asked answers all that is due, and tells what that was.
func (c *clock) asked(t *testing.T, reply func(key) (answer, error)) map[key]int {
	t.Helper()
	all := map[key]int{}
	for range 1000 {
		at, wait, ok := c.next()
		if !ok {
			if wait <= 0 || wait > c.related.refresh {
				t.Errorf("nothing is due for %v", wait)
			}
			return all
		}
		all[at]++
		got, err := reply(at)
		c.record(at, got, err)
	}
	t.Fatal("there is no end to what is due")
	return nil
}

// named is an object with the name that is asked for, and services of that name.
func named(at key) (answer, error) {
	if at.kind == Service {
		return answer{services: []service{
			{&event.Object{Name: "agents"}, map[string]string{"app": "agent"}},
			{&event.Object{Name: "shop"}, map[string]string{hashLabel: "7d4b"}},
			{&event.Object{Name: "shop-two"}, map[string]string{hashLabel: "7d4b", "app": "shop"}},
		}}, nil
	}
	return answer{object: &event.Object{Name: at.name, UID: "o-1", Labels: map[string]string{"of": at.name}}}, nil
}

func (c *clock) add(t *testing.T, uid string, labels map[string]string, kind, owner string) {
	t.Helper()
	if err := c.Add(pod(uid, labels, controller(kind, owner))); err != nil {
		t.Fatal(err)
	}
}

var everything = [Kinds]bool{Namespace: true, Deployment: true, ReplicaSet: true, ReplicationController: true}

// TestRelated: what rules read of is asked for once for all pods of it, and again after a while: namespaces sooner than owners.
func TestRelated(t *testing.T) {
	c := newClock()
	shop := map[string]string{hashLabel: "7d4b"}
	c.add(t, "a", shop, "ReplicaSet", "shop-7d4b")
	if got := c.asked(t, named); len(got) != 0 {
		t.Errorf("nobody reads of it, and asked for is %v", got)
	}
	c.setKinds(everything)
	c.add(t, "b", shop, "ReplicaSet", "shop-7d4b")
	c.add(t, "c", nil, "ReplicationController", "old")
	c.add(t, "d", nil, "DaemonSet", "agent")
	ns, deploy := key{Namespace, "", "checkout"}, key{Deployment, "checkout", "shop"}
	set, rc := key{ReplicaSet, "checkout", "shop-7d4b"}, key{ReplicationController, "checkout", "old"}
	if got := c.asked(t, named); len(got) != 4 || got[ns] != 1 || got[deploy] != 1 || got[set] != 1 || got[rc] != 1 {
		t.Errorf("asked for is %v", got)
	}
	for _, uid := range []string{"a", "b"} {
		k := c.lookup(uid).Related
		if k.Namespace.Labels["of"] != "checkout" || k.Deployment.Name != "shop" || k.ReplicaSet.Name != "shop-7d4b" ||
			k.ReplicationController != nil {
			t.Errorf("around %s is %+v", uid, k)
		}
	}
	if k := c.lookup("c").Related; k.ReplicationController.Name != "old" || k.Namespace == nil || k.ReplicaSet != nil || k.Deployment != nil {
		t.Errorf("around c is %+v", k)
	}
	before := c.lookup("a")
	c.add(t, "e", shop, "ReplicaSet", "shop-7d4b")
	if got := c.asked(t, named); len(got) != 0 || c.lookup("e").Related.Deployment == nil {
		t.Errorf("for a pod more of the same asked for is %v", got)
	}

	c.now = c.now.Add(c.related.refresh)
	changed := func(key) (answer, error) {
		return answer{object: &event.Object{Labels: map[string]string{"of": "others"}}}, nil
	}
	if got := c.asked(t, changed); len(got) != 1 || got[ns] != 1 {
		t.Errorf("later asked for is %v", got)
	}
	if got := c.lookup("a").Related.Namespace.Labels["of"]; got != "others" || before.Related.Namespace.Labels["of"] != "checkout" {
		t.Errorf("the namespace's label is %s; who had the pod before sees %v", got, before.Related.Namespace)
	}
	c.now = c.now.Add(ownersRefresh * c.related.refresh)
	if got := c.asked(t, named); len(got) != 4 {
		t.Errorf("much later asked for is %v", got)
	}

	c.setKinds([Kinds]bool{})
	if k := c.lookup("a").Related; !reflect.DeepEqual(k, event.Related{}) {
		t.Errorf("nobody reads of it, and there is %+v", k)
	}
}

// TestRelatedOfAnotherName: a replica set that has the name, but is another, is not the pod's.
func TestRelatedOfAnotherName(t *testing.T) {
	c := newClock()
	c.setKinds(everything)
	c.add(t, "a", nil, "ReplicaSet", "shop")
	c.asked(t, func(at key) (answer, error) { return answer{object: &event.Object{Name: at.name, UID: "o-2"}}, nil })
	if k := c.lookup("a").Related; k.ReplicaSet != nil || k.Namespace == nil {
		t.Errorf("around it is %+v", k)
	}
}

// TestRelatedRefused: a kind that is forbidden is left alone for a while, and that of a server that is away for less; other kinds
// go on. What was known stays known.
func TestRelatedRefused(t *testing.T) {
	c := newClock()
	c.setKinds(everything)
	c.add(t, "a", nil, "ReplicaSet", "shop")
	c.asked(t, named)
	for _, test := range []struct {
		err  error
		most time.Duration
	}{
		{apierrors.NewForbidden(schema.GroupResource{Resource: "namespaces"}, "checkout", errors.New("no role")), c.related.refresh},
		{errors.New("connection refused"), lastRetry},
	} {
		refused := func(at key) (answer, error) {
			if at.kind == Namespace {
				return answer{}, test.err
			}
			return named(at)
		}
		var last time.Duration
		c.now = c.now.Add(ownersRefresh * c.related.refresh)
		for range 15 {
			if got := c.asked(t, refused)[key{Namespace, "", "checkout"}]; got != 1 {
				t.Fatalf("asked for %d times", got)
			}
			last = c.related.failed[Namespace].until.Sub(c.now)
			c.now = c.now.Add(last)
		}
		if !errors.Is(c.related.failed[Namespace].err, test.err) || last > test.most || last < test.most*3/4 {
			t.Errorf("%v: it is tried again after %v", test.err, last)
		}
		if k := c.lookup("a").Related; k.Namespace == nil || k.ReplicaSet == nil {
			t.Errorf("around it is %+v", k)
		}
		if c.asked(t, named); c.related.failed != [Kinds]kindFailure{} {
			t.Errorf("it is there again, and said is %+v", c.related.failed)
		}
	}
	if got := c.counters().ObjectFailures; got != 30 {
		t.Errorf("%d failures are counted", got)
	}
}

// TestRelatedMissing: what is not there yet is asked for again soon, and less and less often.
func TestRelatedMissing(t *testing.T) {
	c := newClock()
	c.setKinds([Kinds]bool{Namespace: true})
	c.add(t, "a", nil, "DaemonSet", "agent")
	none := func(key) (answer, error) { return answer{}, nil }
	times := 0
	for end := c.now.Add(time.Hour); c.now.Before(end); c.now = c.now.Add(time.Second) {
		times += len(c.asked(t, none))
	}
	if times < 16 || times > 26 {
		t.Errorf("in an hour asked for %d times", times)
	}
}

// TestRelatedIsBounded: objects without space are counted; those that no pod is about any more are forgotten.
func TestRelatedIsBounded(t *testing.T) {
	c := newClock()
	c.related.max = 3
	c.setKinds([Kinds]bool{ReplicaSet: true})
	var list []any
	for i := range 5 {
		list = append(list, pod(fmt.Sprint(i), nil, controller("ReplicaSet", fmt.Sprint("set-", i))))
	}
	if err := c.Replace(list, ""); err != nil {
		t.Fatal(err)
	}
	if got := c.asked(t, named); len(got) != 3 {
		t.Errorf("asked for is %v", got)
	}
	if got := c.counters(); got.Objects != 3 || got.ObjectsLeft != 2 {
		t.Errorf("counters %+v", got)
	}
	if err := c.Replace(list[3:], ""); err != nil {
		t.Fatal(err)
	}
	c.asked(t, named)
	if got := c.counters(); got.Objects != 2 || got.ObjectsLeft != 0 || c.lookup("3").Related.ReplicaSet == nil ||
		c.lookup("4").Related.ReplicaSet == nil {
		t.Errorf("counters %+v", got)
	}
}

// TestServices: a pod's services are those whose selector its labels meet, also once these change; they come by one list for a
// namespace, and count as the objects that they are.
func TestServices(t *testing.T) {
	c := newClock()
	c.setKinds([Kinds]bool{Service: true})
	c.add(t, "a", map[string]string{hashLabel: "7d4b"}, "ReplicaSet", "shop-7d4b")
	c.add(t, "b", nil, "DaemonSet", "agent")
	if got := c.asked(t, named); len(got) != 1 || got[key{Service, "", "checkout"}] != 1 {
		t.Errorf("asked for is %v", got)
	}
	names := func(uid string) (all []string) {
		for _, s := range c.lookup(uid).Related.Services {
			all = append(all, s.Name)
		}
		return all
	}
	if a, b := names("a"), names("b"); !slices.Equal(a, []string{"shop"}) || b != nil {
		t.Errorf("a has the services %v, b %v", a, b)
	}
	c.add(t, "a", map[string]string{hashLabel: "7d4b", "app": "shop"}, "ReplicaSet", "shop-7d4b")
	if got := names("a"); !slices.Equal(got, []string{"shop", "shop-two"}) {
		t.Errorf("with another label it has the services %v", got)
	}
	if got := c.counters(); got.Objects != 4 || got.ObjectsLeft != 0 {
		t.Errorf("counters %+v", got)
	}
	c.related.max = 3
	c.now = c.now.Add(c.related.refresh)
	none := func(key) (answer, error) { return answer{}, nil }
	if got := c.asked(t, named); len(got) != 1 || !slices.Equal(names("a"), []string{"shop"}) {
		t.Errorf("asked for is %v, the services %v", got, names("a"))
	}
	if got := c.counters(); got.Objects != 3 || got.ObjectsLeft != 1 {
		t.Errorf("counters %+v", got)
	}
	c.now = c.now.Add(c.related.refresh)
	if got := c.asked(t, none); len(got) != 1 || names("a") != nil {
		t.Errorf("asked for is %v, the services %v", got, names("a"))
	}
}
