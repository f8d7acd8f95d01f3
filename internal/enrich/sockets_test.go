package enrich

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/enrich/runtimes"
	"github.com/saker-sensor/saker/internal/event"
)

// TestUsersRuntime: who serves a socket of his own may name only what lies in his cgroup, however he says it.
func TestUsersRuntime(t *testing.T) {
	l := newFixture(t, Settings{})
	l.connect()
	tell := func(socket, id string, paths ...string) *event.Container {
		t.Helper()
		e := l.cache.announce(&entry{key: key{socket, "", id}, paths: paths, cgroupPrefix: usersCgroup(socket), rank: rankNormal})
		if e == nil {
			t.Fatal("refused")
		}
		c := &event.Container{ID: id, Name: socket}
		l.cache.publish(e, &record{container: c})
		return c
	}
	const ada = "/run/user/1000/podman/podman.sock"
	pod, own := "/kubepods/pod"+uid+"/"+idA, "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-"+idB+".scope"
	theirs := tell(ada, idB)
	tell(ada, idA, pod, idA)
	tell(ada, testID("bare"), testID("bare"))
	l.CgroupMade(1, pod)
	l.CgroupMade(2, own+"/container")
	l.CgroupMade(3, "/user.slice/user-10000.slice/libpod-"+idB+".scope")
	l.CgroupMade(4, "/system.slice/"+testID("bare"))
	l.expect(1, Pending, idA[:12], nil)
	l.expect(2, Known, idB[:12], theirs)
	l.expect(3, Pending, idB[:12], nil)
	l.expect(4, Host, "host", nil)
	real := l.learn("k8s.io", idA, pod)
	l.expect(1, Known, idA[:12], real)
	// He repeats it once the machine's runtime has spoken.
	tell("/run/user/1001/docker.sock", idA, pod)
	l.expect(1, Known, idA[:12], real)

	// He can't fill the cache.
	for i := range 2 * maxUserContainers {
		l.cache.announce(&entry{key: key{ada, "", fmt.Sprint(i)}, cgroupPrefix: usersCgroup(ada)})
	}
	if n := l.cache.ofUser[ada]; n != maxUserContainers || l.Counters().ContainersRefused == 0 {
		t.Errorf("%d of a user's containers are kept, %d refused", n, l.Counters().ContainersRefused)
	}
	l.cache.retain(ada, nil, time.Now().Add(time.Second))
	l.cache.sweep(time.Now().Add(time.Hour))
	if len(l.cache.ofUser) != 1 {
		t.Errorf("not all was given back: %v", l.cache.ofUser)
	}
}

// TestUsersAreNotAsked: a container outside of a user's cgroup does not wait for that user's runtime.
func TestUsersAreNotAsked(t *testing.T) {
	l := newFixture(t, Settings{Runtimes: []runtimes.Runtime{{Kind: runtimes.Podman, Socket: "/run/user/1000/podman/podman.sock"}}})
	l.watcher.setState(Connected, "test", nil)
	l.CgroupMade(1, "/docker/"+idA)
	l.CgroupMade(2, "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-"+idB+".scope")
	l.expect(1, Unknown, idA[:12], nil)
	l.expect(2, Pending, idB[:12], nil)
	if n := len(l.watcher.requests); n != 1 {
		t.Errorf("%d questions", n)
	}
}

// TestDockersWordCounts: Docker's containers are containerd's too, which knows neither their names nor their images.
func TestDockersWordCounts(t *testing.T) {
	path := "/docker/" + idA
	for _, dockerFirst := range []bool{true, false} {
		l := newFixture(t, Settings{})
		l.connect()
		tell := func(socket, namespace string, rank rank) *event.Container {
			c := &event.Container{ID: idA, Name: socket}
			l.cache.publish(l.cache.announce(&entry{key: key{socket, namespace, idA}, paths: []string{path}, rank: rank}), &record{container: c})
			return c
		}
		var docker *event.Container
		if dockerFirst {
			docker = tell("/run/docker.sock", "", rankNormal)
		}
		poor := tell("/c.sock", runtimes.DockerNamespace, rankIncomplete)
		l.CgroupMade(1, path)
		l.CgroupMade(2, "/elsewhere"+path)
		if !dockerFirst {
			l.expect(1, Known, idA[:12], poor)
			docker = tell("/run/docker.sock", "", rankNormal)
		}
		l.expect(1, Known, idA[:12], docker)
		l.expect(2, Known, idA[:12], docker)
	}
}

// TestUsersRuntimesAreFound: their sockets come and go.
func TestUsersRuntimesAreFound(t *testing.T) {
	root := t.TempDir()
	listen := func(name string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		// A socket's path is short; the link is not what is watched.
		socket, err := net.Listen("unix", filepath.Join(root, "s"+filepath.Base(filepath.Dir(name))))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { socket.Close() })
		if err := os.Symlink(socket.Addr().String(), filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	e, err := New(Settings{
		HostRoot: root, Hierarchy: cgroup.Hierarchy{Mount: t.TempDir(), V2: true}, Runtimes: runtimes.DefaultSockets(runtimes.Docker),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	if s := e.Status(); len(s) != 1 || s[0].Socket != "/run/docker.sock" {
		t.Fatalf("%+v", s)
	}
	listen("/run/user/1000/docker.sock")
	if added := e.addWatchers(); len(added) != 1 || added[0].cgroupPrefix != "/user.slice/user-1000.slice/" {
		t.Fatalf("%+v", added)
	}
	if s := e.Status(); len(s) != 2 || s[1].Socket != "/run/user/1000/docker.sock" || s[1].Connection != Connecting {
		t.Errorf("%+v", s)
	}
	if added := e.addWatchers(); len(added) != 0 {
		t.Errorf("again: %+v", added)
	}
	for i := range maxUserRuntimes {
		listen(fmt.Sprintf("/run/user/%d/docker.sock", 2000+i))
	}
	if added := e.addWatchers(); len(added) != maxUserRuntimes-1 || e.Counters().RuntimesRefused != 1 {
		t.Errorf("%d added, %d refused", len(added), e.Counters().RuntimesRefused)
	}
}
