package enrich

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/enrich/runtimes"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/testutil"
)

const busybox = "example.org/lab/busybox:1.36"

// patience bounds every wait of these tests, on a machine that may be busy.
const patience = time.Minute

// rig is an enricher that watches real runtimes.
type rig struct {
	*Enricher
	t *testing.T
	h cgroup.Hierarchy
}

func newRig(t *testing.T, sockets ...string) *rig {
	t.Helper()
	var watched []runtimes.Runtime
	for _, s := range sockets {
		watched = append(watched, runtimes.Runtime{Kind: runtimes.Containerd, Socket: s})
	}
	return newRigOf(t, watched...)
}

func newRigOf(t *testing.T, watched ...runtimes.Runtime) *rig {
	t.Helper()
	h, err := cgroup.FindHierarchy("")
	if err != nil {
		t.Fatal(err)
	}
	// The wait is long, so that a busy machine does not fail the test: what is measured is that the answer comes.
	e, err := New(Settings{Hierarchy: h, Runtimes: watched, Wait: patience})
	if err != nil {
		t.Fatal(err)
	}
	e.Start(t.Context())
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if c := e.Counters(); c.Panics != 0 {
			t.Errorf("%d panics", c.Panics)
		}
	})
	return &rig{Enricher: e, t: t, h: h}
}

// until waits for a condition.
func (r *rig) until(what string, condition func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: it did not happen; %+v, %+v", what, r.Status(), r.Counters())
		}
		select {
		case <-r.Wake():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (r *rig) connected() bool { return r.Status()[0].Connection == Connected }

// cgroupID is the id of a container's cgroup, as the kernel would give it.
func (r *rig) cgroupID(x *testutil.Container) uint64 {
	r.t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(r.h.Mount+x.CgroupsPath, &st); err != nil {
		r.t.Fatalf("find the cgroup: %v", err)
	}
	return st.Ino
}

// event sends an event of a container's first process the way the loop does, and returns it when it may go on.
func (r *rig) event(x *testutil.Container, uid uint32) (*event.Event, State) {
	r.t.Helper()
	ev := &event.Event{
		CgroupID: r.cgroupID(x), Tgid: int32(x.Pid), Time: time.Now().UnixNano(), Boot: uint64(time.Now().UnixNano()),
		Process: &event.Process{UID: uid, GID: uid},
	}
	state := r.Attach(ev)
	if state != Pending {
		return ev, state
	}
	if !r.Hold(ev) {
		r.t.Fatal("the waiting room is full")
	}
	var ready []*event.Event
	r.until("release of a held event", func() bool {
		ready = r.Ready(time.Now())
		return len(ready) > 0
	})
	ev = ready[0]
	switch {
	case ev.Container != nil:
		return ev, Known
	case ev.ContainerID == event.HostID:
		return ev, Host
	}
	return ev, Unknown
}
