package enrich

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/event"
)

func TestPendingThenAnswered(t *testing.T) {
	l := newFixture(t, Settings{})
	l.connect()
	path := "/docker/" + idA
	l.CgroupMade(1, path)
	l.CgroupMade(2, path+"/sub")
	held, state := l.attach(1)
	held.Filename = "/bin/sh"
	if state != Pending || !l.Hold(held) {
		t.Fatalf("state %v", state)
	}
	held.Filename = "overwritten"
	l.expect(2, Pending, idA[:12], nil)
	if q := <-l.watcher.requests; q.id != idA || len(l.watcher.requests) != 0 {
		t.Errorf("asked for %q, and %d more", q.id, len(l.watcher.requests))
	}
	if got := l.Ready(l.clock); len(got) != 0 {
		t.Errorf("ready before the answer: %v", got)
	}
	if d, ok := l.NextDeadline(); !ok || !d.Equal(l.clock.Add(2*time.Second)) {
		t.Errorf("deadline %v, %v", d, ok)
	}
	c := l.learn("moby", idA, path)
	select {
	case <-l.Wake():
	default:
		t.Error("the answer did not wake the loop")
	}
	got := l.Ready(l.clock)
	if len(got) != 1 || got[0].Container != c || got[0].Filename != "/bin/sh" || got[0].ContainerID != idA[:12] {
		t.Errorf("ready: %+v", got)
	}
	if c := l.Counters(); c.Held != 1 || c.Answered != 1 || c.Waiting != 0 {
		t.Errorf("%+v", c)
	}
	if _, ok := l.NextDeadline(); ok {
		t.Error("a deadline without a waiting event")
	}
}

func TestDeadline(t *testing.T) {
	l := newFixture(t, Settings{Wait: time.Second})
	l.connect()
	l.CgroupMade(1, "/docker/"+idA)
	ev, _ := l.attach(1)
	l.Hold(ev)
	l.clock = l.clock.Add(999 * time.Millisecond)
	// Later events do not prolong the wait.
	later, state := l.attach(1)
	if state != Pending {
		t.Fatalf("state %v", state)
	}
	l.Hold(later)
	if got := l.Ready(l.clock); len(got) != 0 {
		t.Errorf("ready before the deadline: %v", got)
	}
	l.clock = l.clock.Add(time.Millisecond)
	if got := l.Ready(l.clock); len(got) != 2 || got[0].Container != nil || got[0].ContainerID != idA[:12] ||
		got[0].ContainerMissing != "too slow" {
		t.Errorf("at the deadline: %+v", got)
	}
	// For some time nobody waits again, but an answer that comes now is taken.
	l.expect(1, Unknown, idA[:12], nil)
	if c := l.Counters(); c.TooSlow != 3 || c.Answered != 0 {
		t.Errorf("%+v", c)
	}
	l.clock = l.clock.Add(askAgainAfter)
	l.expect(1, Pending, idA[:12], nil)
	if n := len(l.watcher.requests); n != 2 {
		t.Errorf("asked %d times", n)
	}
	c := l.learn("moby", idA, "/docker/"+idA)
	l.expect(1, Known, idA[:12], c)
	if l.Attach(later); later.ContainerMissing != "" {
		t.Errorf("known, and still %q", later.ContainerMissing)
	}
}

// TestWaitForRestart: a runtime that goes away before it answers is waited for longer.
func TestWaitForRestart(t *testing.T) {
	l := newFixture(t, Settings{Wait: time.Second, WaitLost: 5 * time.Second})
	l.connect()
	l.CgroupMade(1, "/docker/"+idA)
	ev, _ := l.attach(1)
	l.Hold(ev)
	l.watcher.setState(Lost, "", nil)
	l.clock = l.clock.Add(4 * time.Second)
	if got := l.Ready(l.clock); len(got) != 0 {
		t.Errorf("ready while the runtime restarts: %v", got)
	}
	if d, _ := l.NextDeadline(); !d.Equal(l.clock.Add(time.Second)) {
		t.Errorf("deadline %v", d)
	}
	l.CgroupMade(2, "/docker/"+idB)
	ev, _ = l.attach(2)
	l.Hold(ev)
	l.clock = l.clock.Add(time.Second)
	if got := l.Ready(l.clock); len(got) != 1 || got[0].ContainerMissing != "too slow" {
		t.Errorf("at the end of the wait: %+v", got)
	}
	c := l.learn("moby", idB, "/docker/"+idB)
	if got := l.Ready(l.clock); len(got) != 1 || got[0].Container != c {
		t.Errorf("after the restart: %+v", got)
	}
}

func TestDenied(t *testing.T) {
	l := newFixture(t, Settings{})
	l.connect()
	l.CgroupMade(1, "/docker/"+idA)
	l.CgroupMade(2, "/default/web/sub")
	for id := range uint64(2) {
		ev, state := l.attach(id + 1)
		if state != Pending || !l.Hold(ev) {
			t.Fatalf("cgroup %d: %v", id+1, state)
		}
	}
	for range 2 {
		l.watcher.answerNotFound(<-l.watcher.requests)
	}
	<-l.Wake()
	got := l.Ready(l.clock)
	if len(got) != 2 || got[0].ContainerID != idA[:12] || got[1].ContainerID != "host" || got[0].ContainerMissing != "not found" ||
		got[1].ContainerMissing != "" {
		t.Errorf("%+v", got)
	}
	l.expect(2, Host, "host", nil)
	if c := l.Counters(); c.NotFound != 1 || c.TooSlow != 0 {
		t.Errorf("%+v", c)
	}
}

func TestRoomIsBounded(t *testing.T) {
	l := newFixture(t, Settings{MaxWaiting: 3})
	l.connect()
	l.CgroupMade(1, "/docker/"+idA)
	l.CgroupMade(2, "/docker/"+idB)
	var held []bool
	for i := range uint64(5) {
		ev, _ := l.attach(1 + i%2)
		ev.Num = i
		held = append(held, l.Hold(ev))
		if full := ev.ContainerMissing == "too many wait"; full == held[i] {
			t.Errorf("event %d, held %v: %q", i, held[i], ev.ContainerMissing)
		}
	}
	if diff := cmp.Diff([]bool{true, true, true, false, false}, held); diff != "" {
		t.Error(diff)
	}
	c := l.Counters()
	if c.Overflow != 2 || c.Waiting != 3 {
		t.Errorf("%+v", c)
	}
	// One container's answer lets its own events go; the others stay, in order.
	l.learn("moby", idA, "/docker/"+idA)
	var order []uint64
	for _, ev := range l.Ready(l.clock) {
		order = append(order, ev.Num)
	}
	l.clock = l.clock.Add(time.Hour)
	for _, ev := range l.Ready(l.clock) {
		order = append(order, ev.Num)
	}
	if diff := cmp.Diff([]uint64{0, 2, 1}, order); diff != "" {
		t.Error(diff)
	}
}

// TestLoopAndWorkers is for the race detector: answers come while the loop attaches, holds and collects.
func TestLoopAndWorkers(t *testing.T) {
	l := newFixture(t, Settings{MaxWaiting: 10000})
	l.connect()
	l.now = time.Now
	const containers = 50
	var workers sync.WaitGroup
	stop := make(chan struct{})
	workers.Go(func() {
		for {
			select {
			case <-stop:
				return
			case q := <-l.watcher.requests:
				l.learn("moby", q.id, "/docker/"+q.id)
			}
		}
	})
	workers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				l.Counters()
				l.Status()
				l.cache.sweep(time.Time{})
			}
		}
	})
	for i := range uint64(containers) {
		l.CgroupMade(i+1, "/docker/"+testID(fmt.Sprint(i)))
	}
	got, held := 0, 0
	collect := func() {
		for _, ev := range l.Ready(time.Now()) {
			if ev.Container == nil || event.ShortID(ev.Container.ID) != ev.ContainerID {
				t.Errorf("event %d has %+v", ev.Num, ev.Container)
			}
			got++
		}
	}
	for i := range uint64(2000) {
		ev := &event.Event{CgroupID: i%containers + 1, Num: i}
		if l.Attach(ev) == Pending {
			if !l.Hold(ev) {
				t.Fatal("the room is full")
			}
			held++
		}
		select {
		case <-l.Wake():
			collect()
		default:
		}
	}
	for got < held {
		d, _ := l.NextDeadline()
		select {
		case <-l.Wake():
		case <-time.After(time.Until(d)):
		}
		collect()
	}
	close(stop)
	workers.Wait()
	if held == 0 {
		t.Error("no event had to wait")
	}
}

// TestKnownBeforeOrAfter: each container counts once, by its first event; one that ran before the sensor does not.
func TestKnownBeforeOrAfter(t *testing.T) {
	mount := t.TempDir()
	if err := os.MkdirAll(filepath.Join(mount, "docker", idA), 0o755); err != nil {
		t.Fatal(err)
	}
	l := newFixture(t, Settings{Hierarchy: cgroup.Hierarchy{Mount: mount, V2: true}})
	l.connect()
	l.learn("moby", idA, "/docker/"+idA)
	for id := range l.table.byID {
		l.attach(id)
	}
	if c := l.Counters(); c.KnownBefore != 0 || c.KnownAfter != 0 {
		t.Errorf("a container from before the sensor counts: %+v", c)
	}

	began := time.Now()
	l.CgroupMade(1, "/docker/"+idB)
	l.learn("moby", idB, "/docker/"+idB)
	l.clock = time.Now().Add(time.Minute)
	l.attach(1)
	l.attach(1)
	if c := l.Counters(); c.KnownBefore != 1 || c.KnownAfter != 0 || c.BeforeTime < time.Minute || c.BeforeTime > l.clock.Sub(began) {
		t.Errorf("%+v", c)
	}

	idC := strings.Repeat("c", 64)
	l.clock = began.Add(-time.Minute)
	l.CgroupMade(2, "/docker/"+idC)
	if _, state := l.attach(2); state != Pending {
		t.Fatalf("state %v", state)
	}
	l.learn("moby", idC, "/docker/"+idC)
	l.clock = time.Now()
	l.attach(2)
	l.cache.publish(l.table.byID[2].entry, &record{container: &event.Container{ID: idC}}) // what is known changes
	l.attach(2)
	if c := l.Counters(); c.KnownBefore != 1 || c.KnownAfter != 1 || c.AfterTime < time.Minute || c.AfterTime > time.Since(began)+time.Minute {
		t.Errorf("%+v", c)
	}
}
