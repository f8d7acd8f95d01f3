package e2e

import (
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/testutil"
)

// TestCgroupLayouts: real cgroups, named as kubelets, runtimes and systemd name them, show the container's id where no runtime can
// be asked.
func TestCgroupLayouts(t *testing.T) {
	const user, pod = "/user.slice/user-1000.slice/user@1000.service", "11111111_2222_3333_4444_555555555555"
	l := newLab(t, "k8s.io")
	s := startSensor(t, "-r", testutil.RulesFile(t, firstRule), "-o", "container_engines.containerd.sockets[0]=/does/not/exist")
	outer := testutil.HexID("a node in a container")
	for name, layout := range map[string]string{
		"kubelet, cgroupfs": "/kubepods/burstable/pod11111111-2222-3333-4444-555555555555/ID",
		"kubelet, systemd":  "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + pod + ".slice/cri-containerd-ID.scope",
		"kubelet, below escaped": `/my\x2dteam.slice/my\x2dteam-kubepods.slice/my\x2dteam-kubepods-pod` + pod +
			".slice/cri-containerd-ID.scope",
		"CRI-O and crun": "/kubepods.slice/kubepods-pod" + pod + ".slice/crio-ID.scope/container",
		"kind": "/docker/" + outer + "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + pod +
			".slice/cri-containerd-ID.scope",
		"Docker, cgroupfs":           "/docker/ID",
		"Docker, systemd":            "/system.slice/docker-ID.scope",
		"Docker, rootless":           user + "/user.slice/docker-ID.scope",
		"Docker in Docker":           "/docker/" + outer + "/docker/ID",
		"Docker with systemd inside": "/docker/ID/system.slice/nginx.service",
		"ECS":                        "/ecstasks.slice/ecstasks-0b2a5a7e.slice/docker-ID.scope",
		"Podman, a pod":              "/machine.slice/machine-libpod_pod_" + outer + ".slice/libpod-ID.scope/container",
		"Podman, rootless":           user + "/user.slice/libpod-ID.scope/container",
		"nerdctl, rootless":          user + "/user.slice/nerdctl-ID.scope",
		"taken for a name":           "/system.slice/containerd.service/kubepods-pod" + pod + ".slice:cri-containerd:ID",
	} {
		word := firstWord + strings.Map(func(r rune) rune {
			if r < 'A' {
				return -1
			}
			return r
		}, name)
		spec := l.firstSpec(word)
		spec.CgroupsPath = l.Cgroup + strings.ReplaceAll(layout, "ID", spec.ID)
		if !l.TryRun(spec) {
			t.Errorf("%s: the container did not start", name)
			continue
		}
		a := s.Next(name, func(a *alert) bool { return strings.HasSuffix(a.Field("proc.args"), word) })
		if a.Field("container.id") != spec.ID[:12] || a.Field("container.missing") != "no runtime" {
			t.Errorf("%s: %s", name, a.Output)
		}
	}
	s.Stop()
}

// TestNested: of a container in another's cgroup, as in Docker in Docker, the outer one is named while only its runtime is watched, and
// the inner one where its own is, too.
func TestNested(t *testing.T) {
	outer, inner := newLab(t, "k8s.io"), newLab(t, "k8s.io")
	host := outer.firstSpec(firstWord + "outer")
	host.CgroupsPath = outer.Cgroup + "/kubepods/pod11111111-2222-3333-4444-555555555555/" + host.ID
	host.Args = []string{"/bin/sleep", "600"}
	x := outer.Create(t, host)
	x.Start(t)
	run := func(s *testutil.Sensor, word, container string) {
		t.Helper()
		spec := inner.firstSpec(firstWord + word)
		spec.CgroupsPath = host.CgroupsPath + "/docker/" + spec.ID
		if !inner.TryRun(spec) {
			t.Fatal("the inner container did not start")
		}
		a := s.Next(word, func(a *alert) bool { return strings.HasSuffix(a.Field("proc.args"), firstWord+word) })
		if a.Field("container.name") != container {
			t.Errorf("%s: %s", word, a.Output)
		}
		s.Stop()
	}
	rule := testutil.RulesFile(t, firstRule)
	run(startSensor(t, "-r", rule, "-o", outer.socket()), "unwatched", "c-"+firstWord+"outer")
	run(startSensor(t, "-r", rule, "-o", outer.socket(), "-o", "container_engines.containerd.sockets[1]="+inner.Socket), "watched",
		"c-"+firstWord+"watched")
	x.Remove(t)
}
