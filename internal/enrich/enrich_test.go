package enrich

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/enrich/runtimes"
	"github.com/saker-sensor/saker/internal/event"
)

// fixture is an enricher whose clock and watcher the test drives, on a hierarchy that is a plain folder.
type fixture struct {
	*Enricher
	t       *testing.T
	clock   time.Time
	watcher *watcher
}

func newFixture(t *testing.T, s Settings) *fixture {
	t.Helper()
	s.HostRoot = t.TempDir()
	write(t, s.HostRoot, "etc/passwd", "hostuser:x:7:7::/:\n")
	if s.Hierarchy.Mount == "" {
		s.Hierarchy = cgroup.Hierarchy{Mount: t.TempDir(), V2: true}
	}
	if s.Runtimes == nil {
		s.Runtimes = []runtimes.Runtime{{Kind: runtimes.Containerd, Socket: "/c.sock"}}
	}
	e, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	l := &fixture{Enricher: e, t: t, clock: time.Unix(1700000000, 0), watcher: e.all()[0]}
	e.now = func() time.Time { return l.clock }
	return l
}

// connect lets the watcher look connected, with a namespace.
func (l *fixture) connect() {
	l.watcher.setState(Connected, "test", nil)
	l.cache.setNamespaces("/c.sock", []string{"default"})
}

// learn publishes a container.
func (l *fixture) learn(namespace, id, cgroupsPath string) *event.Container {
	l.t.Helper()
	e := l.cache.announce(&entry{
		key: key{"/c.sock", namespace, id}, paths: cgroup.SpecPaths(cgroupsPath, id), rank: rankNormal, created: l.clock,
	})
	if e == nil {
		l.t.Fatal("the cache is full")
	}
	c := &event.Container{ID: id, Name: "name-" + id}
	l.cache.publish(e, &record{container: c, accounts: &event.Accounts{}})
	return c
}

// attach sends an event of a cgroup through.
func (l *fixture) attach(cgroup uint64) (*event.Event, State) {
	ev := &event.Event{CgroupID: cgroup, Time: l.clock.UnixNano(), Boot: uint64(l.clock.UnixNano())}
	return ev, l.Attach(ev)
}

// expect checks what an event of a cgroup gets.
func (l *fixture) expect(cgroup uint64, state State, id string, c *event.Container) {
	l.t.Helper()
	ev, got := l.attach(cgroup)
	if got != state || ev.ContainerID != id || ev.Container != c {
		l.t.Errorf("cgroup %d: %v, id %q, container %+v; want %v, id %q, container %+v", cgroup, got, ev.ContainerID, ev.Container, state, id, c)
	}
}

func TestHostAndScan(t *testing.T) {
	mount := t.TempDir()
	if err := os.MkdirAll(filepath.Join(mount, "docker", idA), 0o755); err != nil {
		t.Fatal(err)
	}
	l := newFixture(t, Settings{Hierarchy: cgroup.Hierarchy{Mount: mount, V2: true}})
	ids := map[string]uint64{}
	for id, cg := range l.table.byID {
		ids[cg.path] = id
	}
	l.expect(ids["/"], Host, "host", nil)
	l.expect(ids["/docker/"+idA], Unknown, idA[:12], nil)
	ev, _ := l.attach(ids["/docker"])
	if u, _ := ev.Accounts.User(7); u.Name != "hostuser" {
		t.Errorf("the host's accounts: %+v", ev.Accounts)
	}
	if c := l.Counters(); c.Cgroups != 3 || c.RuntimeAbsent != 1 {
		t.Errorf("%+v", c)
	}
}

func TestKnownByForm(t *testing.T) {
	l := newFixture(t, Settings{})
	l.connect()
	path := "/kubepods/pod" + uid + "/" + idA
	c := l.learn("k8s.io", idA, path)
	l.CgroupMade(1, path)
	l.CgroupMade(2, path+"/sub")
	l.expect(1, Known, idA[:12], c)
	l.expect(2, Known, idA[:12], c)

	// A changed record is seen at once.
	entry := l.table.byID[1].entry
	changed := *c
	l.cache.publish(entry, &record{container: &changed})
	l.expect(1, Known, idA[:12], &changed)

	// After the removal late events still find it, for a while.
	l.CgroupRemoved(1)
	l.cache.remove(entry.key, l.clock)
	l.cache.sweep(l.clock.Add(time.Minute))
	l.expect(1, Known, idA[:12], &changed)
	l.clock = l.clock.Add(lateEvents + time.Second)
	l.CgroupMade(3, "/x")
	if l.table.byID[1] != nil {
		t.Error("a removed cgroup was kept")
	}
}

func TestKnownByRuntimesPath(t *testing.T) {
	l := newFixture(t, Settings{})
	l.connect()
	// The cgroups are older than what is known of their containers.
	l.CgroupMade(1, "/lab/db")
	l.CgroupMade(2, "/system.slice/pre-web.scope")
	l.CgroupMade(3, "/some/where/rel/x")
	l.expect(1, Host, "host", nil)
	db := l.learn("default", "db", "/lab/db")
	web := l.learn("default", "web", ":pre:web")
	x := l.learn("default", "x", "rel/x")
	l.expect(1, Known, "db", db)
	l.expect(2, Known, "web", web)
	l.expect(3, Known, "x", x)
	l.CgroupMade(4, "/lab/db2")
	l.CgroupMade(5, "/other/lab/db")
	l.expect(4, Host, "host", nil)
	l.expect(5, Host, "host", nil)
}

// TestForgedPath: a process makes a cgroup below its own that has the form of another container's.
func TestForgedPath(t *testing.T) {
	l := newFixture(t, Settings{})
	l.connect()
	own, other := "/kubepods/pod1/"+idA, "/kubepods/pod2/"+idB
	c := l.learn("k8s.io", idA, own)
	l.learn("k8s.io", idB, other)
	l.CgroupMade(1, own+other)
	l.expect(1, Known, idA[:12], c)

	// A runtime inside a container, whose containers this runtime does not know.
	l.CgroupMade(2, own+"/docker/"+testID("inner"))
	l.expect(2, Known, idA[:12], c)
	// The sensor inside a node container: the outer one is unknown to its runtime.
	inner := l.learn("k8s.io", testID("inner2"), "/kubelet/kubepods/pod3/"+testID("inner2"))
	l.CgroupMade(3, "/docker/"+testID("node")+"/kubelet/kubepods/pod3/"+testID("inner2"))
	l.expect(3, Known, testID("inner2")[:12], inner)
}

func testID(s string) string { return fmt.Sprintf("%064x", s)[:cgroup.IDLength] }

func TestSameNameAgain(t *testing.T) {
	l := newFixture(t, Settings{})
	l.connect()
	first := l.learn("default", "web", "/default/web")
	l.CgroupMade(1, "/default/web")
	l.expect(1, Known, "web", first)
	l.CgroupRemoved(1)
	l.cache.remove(key{"/c.sock", "default", "web"}, l.clock)
	l.clock = l.clock.Add(time.Millisecond)
	l.CgroupMade(2, "/default/web")
	l.expect(2, Pending, "host", nil)
	second := l.learn("default", "web", "/default/web")
	l.expect(2, Known, "web", second)
	l.expect(1, Known, "web", second) // the name is all that tells the two cgroups apart
}

func TestNobodyToAsk(t *testing.T) {
	l := newFixture(t, Settings{})
	l.CgroupMade(1, "/docker/"+idA)
	l.expect(1, Unknown, idA[:12], nil)
	if ev, _ := l.attach(1); ev.ContainerMissing != "no runtime" {
		t.Errorf("why it is missing: %q", ev.ContainerMissing)
	}
	l.CgroupMade(2, "/default/web")
	l.expect(2, Host, "host", nil)
	if c := l.Counters(); c.RuntimeAbsent != 2 || len(l.watcher.requests) != 0 {
		t.Errorf("%+v", c)
	}
}

func TestTableIsBounded(t *testing.T) {
	l := newFixture(t, Settings{MaxCgroups: 8, MaxCgroupBytes: 8 * (cgroupCost + 80)})
	l.connect()
	for i := range uint64(100) {
		l.CgroupMade(10+i, "/docker/"+testID(fmt.Sprint(i)))
		ev, _ := l.attach(10 + i)
		l.Hold(ev)
		if i%3 == 0 {
			l.CgroupRemoved(10 + i)
		}
	}
	c := l.Counters()
	if c.Cgroups > 8 || c.CgroupBytes > 8*(cgroupCost+80) || c.CgroupsEvicted < 90 || len(l.table.queries) > 8 {
		t.Errorf("%+v, %d questions", c, len(l.table.queries))
	}
	// Events of evicted rows still come out.
	l.clock = l.clock.Add(time.Hour)
	if got := l.Ready(l.clock); len(got) != 100 {
		t.Errorf("%d of 100 events came out", len(got))
	}
	for id := range uint64(200) {
		l.CgroupRemoved(id)
	}
	l.clock = l.clock.Add(time.Hour)
	l.CgroupRemoved(0)
	if c := l.Counters(); c.Cgroups != 0 || c.CgroupBytes != 0 || len(l.table.queries) != 0 {
		t.Errorf("not all was given back: %+v, %d questions", c, len(l.table.queries))
	}
}

func TestCacheIsBounded(t *testing.T) {
	l := newFixture(t, Settings{MaxContainers: 2})
	l.learn("default", "a", "/default/a")
	l.learn("default", "b", "/default/b")
	if l.cache.announce(&entry{key: key{"/c.sock", "default", "c"}, created: l.clock}) != nil {
		t.Error("a full cache took another container")
	}
	l.cache.remove(key{"/c.sock", "default", "a"}, l.clock)
	l.learn("default", "c", "/default/c")
	if c := l.Counters(); c.Containers != 2 || c.ContainersEvicted != 1 || c.ContainersRefused != 1 {
		t.Errorf("%+v", c)
	}
	l.cache.remove(key{"/c.sock", "default", "b"}, l.clock)
	l.cache.remove(key{"/c.sock", "default", "c"}, l.clock)
	l.cache.sweep(l.clock.Add(time.Second))
	if n := len(l.cache.entries) + len(l.cache.byBase) + len(l.cache.byID); n != 0 {
		t.Errorf("%d left", n)
	}
}

// TestChurn: of many more containers than there is room for, made and removed one after the other, those removed last stay known for late
// events, and nothing else is kept.
func TestChurn(t *testing.T) {
	const limit, live, made = 64, 8, 5000
	l := newFixture(t, Settings{MaxContainers: limit, MaxCgroups: 2 * limit})
	l.connect()
	id := func(i int) string { return testID(fmt.Sprint("churn", i)) }
	cgroup := func(i int) uint64 { return uint64(1000 + i) }
	for i := range made {
		l.learn("moby", id(i), "/docker/"+id(i))
		l.CgroupMade(cgroup(i), "/docker/"+id(i))
		if i >= live {
			l.cache.remove(key{"/c.sock", "moby", id(i - live)}, l.clock)
			l.CgroupRemoved(cgroup(i - live))
		}
		l.clock = l.clock.Add(time.Millisecond)
		if n := len(l.cache.entries); n > limit || len(l.cache.byID) != n || len(l.cache.byBase) != n {
			t.Fatalf("%d containers, %d ids, %d places", n, len(l.cache.byID), len(l.cache.byBase))
		}
		for _, late := range []int{i, i - live, i - limit + 1} {
			if late < 0 {
				continue
			}
			if ev, state := l.attach(cgroup(late)); state != Known || ev.Container.ID != id(late) {
				t.Fatalf("after %d containers number %d is %v", i, late, state)
			}
		}
	}
	c := l.Counters()
	if c.ContainersEvicted != made-limit || c.ContainersRefused != 0 || c.Containers != limit || c.Cgroups > 2*limit {
		t.Errorf("%+v", c)
	}
	l.cache.sweep(l.clock.Add(time.Second))
	if n := l.Counters().Containers; n != live {
		t.Errorf("%d containers are left of %d that are there", n, live)
	}
}

// TestHint: where the runtime does not answer, what it said when it made the container counts, and the event says that this is not all.
func TestHint(t *testing.T) {
	l := newFixture(t, Settings{})
	l.connect()
	e := &entry{key: key{"/c.sock", "", idA}, paths: []string{idA}, rank: rankNormal}
	want := &event.Container{ID: idA, Name: "shop", Type: "docker"}
	e.hint.Store(want)
	l.cache.announce(e)
	l.CgroupMade(1, "/of/ones/own/"+idA)
	ev, state := l.attach(1)
	if state != Pending || ev.ContainerID != idA[:12] || !l.Hold(ev) {
		t.Fatalf("%v, %+v", state, ev)
	}
	l.clock = l.clock.Add(time.Hour)
	got := l.Ready(l.clock)
	if len(got) != 1 || got[0].ContainerMissing != "too slow" {
		t.Fatalf("%+v", got)
	}
	if got[0].Container != want {
		t.Errorf("%+v", got[0].Container)
	}
	l.cache.setPaths(e, []string{"/of/ones/own/" + idA})
	l.cache.publish(e, &record{container: &event.Container{ID: idA, Name: "answered"}})
	if ev, state := l.attach(1); state != Known || ev.Container.Name != "answered" || ev.ContainerMissing != "" {
		t.Errorf("%v, %+v", state, ev)
	}
}

// TestUnknownCgroup: the id is of no cgroup, and the worker cannot find its path either.
func TestUnknownCgroup(t *testing.T) {
	l := newFixture(t, Settings{})
	ev, state := l.attach(12345)
	if state != Pending || ev.ContainerID != "" || !l.Hold(ev) {
		t.Fatalf("%v, id %q", state, ev.ContainerID)
	}
	(<-l.tasks)()
	<-l.Wake()
	if got := l.Ready(l.clock); len(got) != 1 || got[0].ContainerMissing != "cgroup gone" || l.Counters().CgroupGone != 1 {
		t.Errorf("%+v, %+v", got, l.Counters())
	}
	// Had the process been there, its word would have counted.
	l.attach(12346)
	l.cache.answerPath(12346, "/docker/"+idA)
	l.expect(12346, Unknown, idA[:12], nil)
}

// TestAttachAllocatesNothing: the way of every event.
func TestAttachAllocatesNothing(t *testing.T) {
	l := newFixture(t, Settings{})
	l.connect()
	l.learn("moby", idA, "/docker/"+idA)
	l.CgroupMade(1, "/docker/"+idA)
	l.CgroupMade(2, "/system.slice/x.service")
	ev := &event.Event{Process: &event.Process{}}
	for id := range uint64(2) {
		ev.CgroupID = id + 1
		if n := testing.AllocsPerRun(100, func() { l.Attach(ev) }); n != 0 {
			t.Errorf("cgroup %d: %v allocations", id+1, n)
		}
	}
}
