package enrich

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/enrich/runtimes"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/testutil"
)

// ofProcess is an event of a process, as the kernel would tell it.
func (r *rig) ofProcess(pid int) *event.Event {
	r.t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		r.t.Fatal(err)
	}
	path, ok := r.h.PathOf(string(text))
	var st unix.Stat_t
	if err := unix.Stat(r.h.Mount+path, &st); err != nil || !ok {
		r.t.Fatalf("find the cgroup of %d in %s: %v", pid, text, err)
	}
	return &event.Event{CgroupID: st.Ino, Tgid: int32(pid), Time: time.Now().UnixNano(), Boot: uint64(time.Now().UnixNano()),
		Process: &event.Process{}}
}

// named waits until the container of a process is known.
func (r *rig) named(pid int) *event.Container {
	r.t.Helper()
	var found *event.Container
	r.until("knowledge of the container", func() bool {
		ev := r.ofProcess(pid)
		if r.Attach(ev) == Known {
			found = ev.Container
		}
		return found != nil
	})
	return found
}

// TestDocker runs a real Docker and a real Podman, and their restarts.
func TestDocker(t *testing.T) {
	starts := map[runtimes.Kind]func(testing.TB) *testutil.Docker{
		runtimes.Docker: testutil.StartDocker, runtimes.Podman: testutil.StartPodman,
	}
	for kind, start := range starts {
		t.Run(string(kind), func(t *testing.T) {
			d := start(t)
			d.ImportBusybox(t, busybox)
			config := map[string]any{
				"Image": busybox, "Cmd": []string{"/bin/sleep", "600"}, "Labels": map[string]string{"tier": "front"},
				"Healthcheck": map[string]any{"Test": []string{"CMD-SHELL", "test -e /ok"}, "Interval": int64(time.Hour)},
			}
			data := t.TempDir()
			listed := d.Create(t, "listed", config, map[string]any{"Binds": []string{data + ":/data:ro"}, "PidMode": "host"})
			pid := d.StartContainer(t, listed)
			r := newRigOf(t, runtimes.Runtime{Kind: kind, Socket: d.Socket})
			r.until("connection", r.connected)

			got := r.named(pid)
			if got.StartTime == 0 || len(got.ImageID) != 64 {
				t.Errorf("start %d, image id %q", got.StartTime, got.ImageID)
			}
			want := &event.Container{
				ID: listed, Name: "listed", Type: string(kind), Image: busybox, ImageRepository: "example.org/lab/busybox", ImageTag: "1.36",
				ImageDigest: got.ImageDigest, ImageID: got.ImageID, Labels: map[string]string{"tier": "front"}, HostNetwork: true, HostPID: true,
				StartTime: got.StartTime, Mounts: []event.Mount{{Source: data, Dest: "/data", Propagation: "rprivate", Mode: got.Mounts[0].Mode}},
				Probes: []event.Probe{{Exe: "/bin/sh", Args: []string{"-c", "test -e /ok"}}},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}

			// Some that are made while it is watched. Not every root may start a privileged one.
			plain := map[string]any{"Image": busybox, "Cmd": []string{"/bin/sleep", "600"}}
			privileged := d.Create(t, "privileged", plain, map[string]any{"Privileged": true})
			r.until("the privileged one", func() bool {
				made := r.cache.get(key{d.Socket, "", privileged})
				return made != nil && made.container.Privileged
			})
			made := d.Create(t, "made", plain, nil)
			r.until("its creation", func() bool { return r.cache.get(key{d.Socket, "", made}) != nil })
			ev := r.ofProcess(d.StartContainer(t, made))
			if state := r.Attach(ev); state != Known || ev.Container.Name != "made" || ev.Container.Privileged || ev.ContainerID != made[:12] {
				t.Errorf("%v, %+v", state, ev.Container)
			}
			if u, _ := ev.Accounts.User(1000); u.Name != "app" {
				t.Errorf("user %+v", u)
			}
			d.Remove(t, made)
			r.until("its removal", func() bool {
				r.cache.mu.Lock()
				defer r.cache.mu.Unlock()
				return !r.cache.entries[key{d.Socket, "", made}].removedAt.IsZero()
			})

			d.Stop(t)
			r.until("loss of the connection", func() bool { return r.Status()[0].Connection == Lost })
			d.Start(t)
			again := d.Create(t, "again", config, nil)
			if c := r.named(d.StartContainer(t, again)); c.Name != "again" {
				t.Errorf("after the restart: %+v", c)
			}
		})
	}
}
