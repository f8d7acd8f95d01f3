package enrich

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/testutil"
)

// TestKnownBeforeExec: a pod's container is known while its first process still waits to be started.
func TestKnownBeforeExec(t *testing.T) {
	c := testutil.StartContainerd(t)
	r := newRig(t, c.Socket)
	r.until("connection", r.connected)
	c.ImportBusybox(t, "k8s.io", busybox)

	pod := map[string]string{labelPodName: "web-0", labelPodNamespace: "shop", labelPodUID: uid}
	labels := func(more ...string) map[string]string {
		all := map[string]string{}
		for k, v := range pod {
			all[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	place := c.Cgroup + "/kubepods/besteffort/pod" + uid + "/"
	pauseID, id := testutil.HexID("pause"), testutil.HexID("web")
	pause := c.Create(t, testutil.ContainerSpec{
		Namespace: "k8s.io", ID: pauseID, Image: busybox, Args: []string{"/bin/sleep", "60"},
		Labels: labels(labelKind, "sandbox", "app", "web"), CgroupsPath: place + pauseID,
	})
	x := c.Create(t, testutil.ContainerSpec{
		Namespace: "k8s.io", ID: id, Image: busybox, Args: []string{"/bin/sleep", "60"},
		Labels: labels(labelKind, "container", labelContainerName, "nginx"), CgroupsPath: place + id,
		Options: []oci.SpecOpts{
			oci.WithAnnotations(map[string]string{annotationSandbox: pauseID}),
			oci.WithMounts([]specs.Mount{{Destination: "/data", Source: t.TempDir(), Type: "bind", Options: []string{"rbind", "ro", "rslave"}}}),
			oci.WithUserID(1000),
		},
	})

	sandbox, state := r.event(pause, 0)
	if state != Known || !sandbox.Container.PodSandbox {
		t.Errorf("the sandbox: %v, %+v", state, sandbox.Container)
	}
	ev, state := r.event(x, 1000)
	if state != Known {
		t.Fatalf("state %v before the first exec; %+v", state, r.Counters())
	}
	got := ev.Container
	if got.StartTime == 0 || !strings.HasPrefix(got.ImageDigest, "sha256:") || len(got.ImageID) != 64 {
		t.Errorf("start %d, digest %q, image id %q", got.StartTime, got.ImageDigest, got.ImageID)
	}
	want := &event.Container{
		ID: id, Name: "nginx", Type: "containerd", Image: busybox, ImageRepository: "example.org/lab/busybox",
		ImageTag: "1.36", ImageDigest: got.ImageDigest, ImageID: got.ImageID, HostNetwork: true, StartTime: got.StartTime,
		Labels: labels(labelKind, "container", labelContainerName, "nginx"),
		Mounts: []event.Mount{{Source: got.Mounts[0].Source, Dest: "/data", Propagation: "rslave"}},
		Pod: &event.Pod{
			Name: "web-0", Namespace: "shop", UID: uid, SandboxID: pauseID, Labels: map[string]string{"app": "web"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if u, _ := ev.Accounts.User(1000); u.Name != "app" || u.Home != "/home/app" || ev.ContainerID != id[:12] {
		t.Errorf("id %q, user %+v", ev.ContainerID, u)
	}

	created := got.StartTime
	x.Start(t)
	r.until("the task's start", func() bool {
		ev, _ := r.event(x, 1000)
		return ev.Container.StartTime > created
	})
	x.SetLabels(t, map[string]string{"later": "yes"})
	r.until("a changed label", func() bool {
		ev, _ := r.event(x, 1000)
		return ev.Container.Labels["later"] == "yes" && ev.Container.StartTime > created
	})
	x.Remove(t)
	r.until("the removal", func() bool {
		r.cache.mu.Lock()
		defer r.cache.mu.Unlock()
		e := r.cache.entries[key{c.Socket, "k8s.io", id}]
		return e != nil && !e.removedAt.IsZero()
	})
}

func TestListedAtStart(t *testing.T) {
	c := testutil.StartContainerd(t)
	c.ImportBusybox(t, "default", busybox)
	var running []*testutil.Container
	for _, id := range []string{"one", "two", "three"} {
		x := c.Create(t, testutil.ContainerSpec{Namespace: "default", ID: id, Image: busybox, Args: []string{"/bin/sleep", "60"}})
		x.Start(t)
		running = append(running, x)
	}
	r := newRig(t, c.Socket)
	r.until("connection", r.connected)
	for i, id := range []string{"one", "two", "three"} {
		ev, state := r.event(running[i], 0)
		if state != Known || ev.Container.ID != id || ev.ContainerID != id || ev.Container.Name != id {
			t.Errorf("%s: %v, id %q, %+v", id, state, ev.ContainerID, ev.Container)
		}
	}
	ev := &event.Event{CgroupID: 1}
	if state := r.Attach(ev); state != Host {
		t.Errorf("the root cgroup: %v", state)
	}
}

func TestContainerdRestarts(t *testing.T) {
	c := testutil.StartContainerd(t)
	c.ImportBusybox(t, "default", busybox)
	r := newRig(t, c.Socket)
	r.until("connection", r.connected)
	run := func(id string) *testutil.Container {
		x := c.Create(t, testutil.ContainerSpec{Namespace: "default", ID: id, Image: busybox, Args: []string{"/bin/sleep", "60"}})
		x.Start(t)
		return x
	}
	before := run("before")
	r.until("the first container", func() bool { _, state := r.event(before, 0); return state == Known })

	for i, end := range []func(testing.TB){c.Stop, c.Kill} {
		end(t)
		r.until("loss of the connection", func() bool { return r.Status()[0].Connection == Lost })
		if ev, state := r.event(before, 0); state != Known || ev.Container.ID != "before" {
			t.Errorf("while containerd is away: %v", state)
		}
		c.Start(t)
		// Made perhaps before the sensor is connected again.
		id := fmt.Sprint("after", i)
		x := run(id)
		r.until("a container after the restart", func() bool {
			ev, state := r.event(x, 0)
			return state == Known && ev.Container.ID == id
		})
		r.until("connection", r.connected)
		if _, state := r.event(before, 0); state != Known {
			t.Errorf("after the restart the first container is %v", state)
		}
	}
}

// TestContainerdComesLater: the socket does not answer when the sensor starts.
func TestContainerdComesLater(t *testing.T) {
	c := testutil.StartContainerd(t)
	c.ImportBusybox(t, "default", busybox)
	x := c.Create(t, testutil.ContainerSpec{
		Namespace: "default", ID: testutil.HexID("x"), Image: busybox, Args: []string{"/bin/sleep", "60"},
		CgroupsPath: c.Cgroup + "/docker/" + testutil.HexID("x"),
	})
	x.Start(t)
	c.Kill(t)
	r := newRig(t, c.Socket)
	r.until("notice of its absence", func() bool { return r.Status()[0].Connection == Absent })
	if ev, state := r.event(x, 0); state != Unknown || ev.ContainerID != testutil.HexID("x")[:12] {
		t.Errorf("without containerd: %v, id %q", state, ev.ContainerID)
	}
	// Its users are known without any runtime, from its root.
	r.until("the accounts", func() bool {
		ev, _ := r.event(x, 1000)
		u, _ := ev.Accounts.User(1000)
		return u.Name == "app"
	})
	c.Start(t)
	r.until("knowledge of the container", func() bool { _, state := r.event(x, 0); return state == Known })
}

func TestCgroupPlaces(t *testing.T) {
	c := testutil.StartContainerd(t)
	namespace := strings.TrimPrefix(c.Cgroup, "/")
	c.ImportBusybox(t, namespace, busybox)
	r := newRig(t, c.Socket)
	r.until("connection", r.connected)
	for _, p := range []struct{ name, id, path string }{
		{"any path", "odd", c.Cgroup + "/odd/place"},
		{"containerd's own", "web", c.Cgroup + "/web"},
		{"docker's", testutil.HexID("docker"), c.Cgroup + "/docker/" + testutil.HexID("docker")},
	} {
		t.Run(p.name, func(t *testing.T) {
			x := c.Create(t, testutil.ContainerSpec{
				Namespace: namespace, ID: p.id, Image: busybox, Args: []string{"/bin/sleep", "60"}, CgroupsPath: p.path,
			})
			ev, state := r.event(x, 0)
			if state == Host {
				// Only the runtime's event tells that this path is a container's; it is under way.
				r.until("the runtime's word", func() bool { ev, state = r.event(x, 0); return state == Known })
			}
			if state != Known || ev.Container.ID != p.id {
				t.Fatalf("%v, %+v", state, ev.Container)
			}
			if p.name == "any path" {
				return // forgotten, it could not be asked for
			}
			// Had the event been missed, asking helps.
			k := key{c.Socket, namespace, p.id}
			r.cache.mu.Lock()
			r.cache.drop(r.cache.entries[k])
			r.cache.mu.Unlock()
			r.cache.generation.Add(1)
			ev = &event.Event{CgroupID: r.cgroupID(x)}
			if state := r.Attach(ev); state != Pending {
				t.Errorf("forgotten: %v", state)
			}
			if ev, state := r.event(x, 0); state != Known || ev.Container.ID != p.id {
				t.Errorf("asked for: %v, %+v", state, ev.Container)
			}
		})
	}
	if n := r.Counters().TooSlow + r.Counters().NotFound; n != 0 {
		t.Errorf("%+v", r.Counters())
	}
}

func TestContainersAccounts(t *testing.T) {
	c := testutil.StartContainerd(t)
	secret := t.TempDir()
	write(t, secret, "passwd", "hostsecret:x:1000:1000::/:\n")
	c.ImportBusybox(t, "default", busybox)
	for i, target := range []string{secret + "/passwd", "../../../../../../../../.." + secret + "/passwd", "/proc/self/root/etc/passwd"} {
		c.ImportBusybox(t, "default", fmt.Sprint("example.org/link:", i), testutil.File{Name: "etc/passwd", Link: target})
	}
	r := newRig(t, c.Socket)
	r.until("connection", r.connected)
	for i := range 3 {
		x := c.Create(t, testutil.ContainerSpec{
			Namespace: "default", ID: fmt.Sprint("link", i), Image: fmt.Sprint("example.org/link:", i), Args: []string{"/bin/sleep", "60"},
		})
		for _, started := range []bool{false, true} {
			if started {
				x.Start(t)
			}
			ev, state := r.event(x, 1000)
			if u, known := ev.Accounts.User(1000); state == Known && known {
				t.Errorf("started %v: the link led to user %+v", started, u)
			}
		}
	}

	x := c.Create(t, testutil.ContainerSpec{
		Namespace: "default", ID: "grows", Image: busybox,
		Args: []string{"/bin/sh", "-c", "echo late:x:4242:4242::/late:/bin/sh >> /etc/passwd; echo crew:x:4242: >> /etc/group; exec sleep 60"},
	})
	r.until("the image's accounts", func() bool {
		ev, _ := r.event(x, 0)
		u, _ := ev.Accounts.User(1000)
		g, _ := ev.Accounts.Group(1000)
		return u.Name == "app" && g == "app"
	})
	x.Start(t)
	r.until("a user made later", func() bool {
		ev, _ := r.event(x, 4242)
		u, _ := ev.Accounts.User(4242)
		g, _ := ev.Accounts.Group(4242)
		return u.Name == "late" && u.Shell == "/bin/sh" && g == "crew"
	})
}

func TestManyLabels(t *testing.T) {
	c := testutil.StartContainerd(t)
	c.ImportBusybox(t, "k8s.io", busybox)
	r := newRig(t, c.Socket)
	labels := map[string]string{labelPodName: "web-0", labelContainerName: "nginx"}
	for i := range 250 {
		labels[fmt.Sprintf("a%03d", i)] = strings.Repeat("x", 4000) // 4096 bytes are the most that containerd takes
	}
	x := c.Create(t, testutil.ContainerSpec{Namespace: "k8s.io", ID: "many", Image: busybox, Args: []string{"/bin/true"}, Labels: labels})
	var ev *event.Event
	r.until("knowledge", func() bool {
		var state State
		ev, state = r.event(x, 0)
		return state == Known
	})
	size := 0
	for k, v := range ev.Container.Labels {
		size += len(k) + len(v)
	}
	if size > 64<<10 || ev.Container.Name != "nginx" || ev.Container.Pod.Name != "web-0" || r.Counters().LabelsCut == 0 {
		t.Errorf("%d bytes, name %q, pod %+v, %d cut", size, ev.Container.Name, ev.Container.Pod, r.Counters().LabelsCut)
	}
}

// TestPrivileged runs what containerd's own client makes of "privileged".
func TestPrivileged(t *testing.T) {
	c := testutil.StartContainerd(t)
	c.ImportBusybox(t, "default", busybox)
	r := newRig(t, c.Socket)
	r.until("connection", r.connected)
	for name, options := range map[string][]oci.SpecOpts{"plain": nil, "privileged": {oci.WithPrivileged}} {
		x := c.Create(t, testutil.ContainerSpec{Namespace: "default", ID: name, Image: busybox, Args: []string{"/bin/true"}, Options: options})
		r.until("knowledge of "+name, func() bool { _, state := r.event(x, 0); return state == Known })
		if ev, _ := r.event(x, 0); ev.Container.Privileged != (name == "privileged") {
			t.Errorf("%s: privileged is %v", name, ev.Container.Privileged)
		}
	}
}

// TestNoRuntime: an enricher whose sockets do not exist starts and ends at once.
func TestNoRuntime(t *testing.T) {
	r := newRig(t, "/nonexistent/a.sock", "/nonexistent/b.sock")
	for _, s := range r.Status() {
		if s.Connection != Absent || s.Err != nil {
			t.Errorf("%+v", s)
		}
	}
	ev := &event.Event{CgroupID: 1, Tgid: int32(os.Getpid())}
	if state := r.Attach(ev); state != Host || ev.Accounts == nil {
		t.Errorf("%v, %+v", state, ev.Accounts)
	}
}
