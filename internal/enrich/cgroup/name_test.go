package cgroup

import (
	"strings"
	"testing"
)

const (
	idA = "3f5b1c9a0d7e4f62b8a1c3d5e7f90123456789abcdef0123456789abcdef0123"
	idB = "aaaa1c9a0d7e4f62b8a1c3d5e7f90123456789abcdef0123456789abcdef0bbb"
	uid = "6f0d5a5e-1111-2222-3333-444455556666"
)

func TestParse(t *testing.T) {
	uidDashed := strings.ReplaceAll(uid, "-", "_")
	for _, c := range []struct{ name, path, id, runtime string }{
		{"kubernetes, cgroupfs", "/kubepods/besteffort/pod" + uid + "/" + idA, idA, "containerd"},
		{"kubernetes, guaranteed", "/kubepods/pod" + uid + "/" + idA, idA, "containerd"},
		{"kubernetes, root of its own", "/kube-e2e/kubepods/burstable/pod" + uid + "/" + idA, idA, "containerd"},
		{"kubernetes, systemd",
			"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + uidDashed + ".slice/cri-containerd-" + idA + ".scope",
			idA, "containerd"},
		{"kubernetes in a node container",
			"/docker/" + idB + "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + uidDashed + ".slice/cri-containerd-" + idA + ".scope",
			idA, "containerd"},
		{"kubernetes, cgroupfs in a node container", "/docker/" + idB + "/kubelet/kubepods/besteffort/pod" + uid + "/" + idA, idA, "containerd"},
		{"systemd path taken for a name",
			"/system.slice/containerd.service/kubepods-burstable-pod" + uidDashed + ".slice:cri-containerd:" + idA, idA, "containerd"},
		{"docker, cgroupfs", "/docker/" + idA, idA, "docker"},
		{"docker, systemd", "/system.slice/docker-" + idA + ".scope", idA, "docker"},
		{"docker, prefixed", "/lab/docker/" + idA, idA, "docker"},
		{"cri-o, systemd", "/kubepods.slice/kubepods-pod" + uidDashed + ".slice/crio-" + idA + ".scope", idA, "cri-o"},
		{"cri-o, cgroupfs", "/kubepods/pod" + uid + "/crio-" + idA, idA, "cri-o"},
		{"podman, systemd", "/machine.slice/libpod-" + idA + ".scope", idA, "podman"},
		{"podman, sub-cgroup", "/machine.slice/libpod-" + idA + ".scope/container", idA, "podman"},
		{"podman, cgroupfs", "/libpod_parent/libpod-" + idA, idA, "podman"},
		{"podman in a service", "/system.slice/web.service/libpod-payload-" + idA, idA, "podman"},
		{"podman, a pod of its own, systemd",
			"/machine.slice/machine-libpod_pod_" + idB + ".slice/libpod-" + idA + ".scope/container",
			idA, "podman"},
		{"podman, a pod of its own, cgroupfs", "/libpod_parent/" + idB + "/libpod-" + idA, idA, "podman"},
		{"podman, rootless", "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + idA + ".scope/container", idA, "podman"},
		{"podman, rootless, in a session", "/user.slice/user-1000.slice/session-2.scope/libpod-payload-" + idA, idA, "podman"},
		{"docker, rootless", "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" + idA + ".scope", idA, "docker"},
		{"docker in docker", "/docker/" + idB + "/docker/" + idA, idA, "docker"},
		{"docker in docker, systemd", "/system.slice/docker-" + idB + ".scope/docker/" + idA, idA, "docker"},
		{"docker in docker, version 2, after its entrypoint moved the processes", "/docker/" + idB + "/init", idB, "docker"},
		{"kubernetes with cri-dockerd, systemd", "/kubepods.slice/kubepods-pod" + uidDashed + ".slice/docker-" + idA + ".scope", idA, "docker"},
		{"docker in a pod", "/kubepods/besteffort/pod" + uid + "/" + idB + "/docker/" + idA, idA, "docker"},
		{"ECS, version 1", "/ecs/0b2a5a7e-task/" + idA, idA, "docker"},
		{"ECS, with the cluster's name", "/ecs/cluster/0b2a5a7e/" + idA, idA, "docker"},
		{"ECS, version 2", "/ecstasks.slice/ecstasks-0b2a5a7e.slice/docker-" + idA + ".scope", idA, "docker"},
		{"k3s, the agent in a container", "/system.slice/docker-" + idB + ".scope/kubepods/besteffort/pod" + uid + "/" + idA, idA, "containerd"},
		{"cri-o, the workload below its scope",
			"/kubepods.slice/kubepods-pod" + uidDashed + ".slice/crio-" + idA + ".scope/container", idA, "cri-o"},
		{"cri-o, not in a pod's slice", "/machine.slice/crio-" + idA + ".scope", idA, "cri-o"},
		{"a static pod's hash for a uid", "/kubepods/burstable/pod" + idB[:32] + "/" + idA, idA, "containerd"},
		{"docker, systemd inside", "/docker/" + idA + "/system.slice/nginx.service", idA, "docker"},
		{"docker in an LXC container", "/lxc/101/ns/system.slice/docker-" + idA + ".scope", idA, "docker"},
		{"docker desktop's kubernetes", "/kubepods/kubepods/besteffort/pod" + uid + "/" + idA, idA, "containerd"},
		{"podman, a user root's", "/user.slice/user-0.slice/user@0.service/machine.slice/libpod-" + idA + ".scope/container", idA, "podman"},
		{"podman, rootless, a pod of its own",
			"/user.slice/user-1000.slice/user@1000.service/user.slice/user-libpod_pod_" + idB + ".slice/libpod-" + idA + ".scope/container",
			idA, "podman"},
		{"podman, systemd inside", "/machine.slice/libpod-" + idA + ".scope/container/init.scope", idA, "podman"},
		{"k3s, rootless",
			"/user.slice/user-1000.slice/user@1000.service/k3s-rootless.service/kubepods/burstable/pod" + uid + "/" + idA, idA, "containerd"},
		{"microk8s, systemd path taken for a name",
			"/system.slice/snap.microk8s.daemon-containerd.service/kubepods-pod" + uidDashed + ".slice:cri-containerd:" + idA, idA, "containerd"},
		{"a slice with an escaped name",
			`/my\x2dteam.slice/my\x2dteam-kubepods.slice/my\x2dteam-kubepods-pod` + uidDashed + ".slice/cri-containerd-" + idA + ".scope",
			idA, "containerd"},
		{"nerdctl, systemd", "/user.slice/nerdctl-" + idA + ".scope", idA, "containerd"},
		{"sub-cgroups", "/kubepods/pod" + uid + "/" + idA + "/a/b", idA, "containerd"},
		{"no leading slash", "docker/" + idA, idA, "docker"},

		{"root", "/", "", ""},
		{"empty", "", "", ""},
		{"service", "/system.slice/containerd.service", "", ""},
		{"something else with 32 digits", "/process_api/605c90151555c27a4b25b0988ef0b1fa", "", ""},
		{"something else with 64 digits", "/process_api/" + idA, "", ""},
		{"digits at the root", "/" + idA, "", ""},
		{"pod alone", "/kubepods/besteffort/pod" + uid, "", ""},
		{"digits not below a pod", "/kubepods/" + idA, "", ""},
		{"conmon of cri-o", "/kubepods/pod" + uid + "/crio-conmon-" + idA + ".scope", "", ""},
		{"conmon of podman", "/machine.slice/libpod-conmon-" + idA + ".scope", "", ""},
		{"conmon of podman in a service", "/system.slice/web.service/libpod-conmon-" + idA, "", ""},
		{"the runtime's supervisor", "/system.slice/podman.service/runtime", "", ""},
		{"a podman pod alone", "/machine.slice/machine-libpod_pod_" + idB + ".slice", "", ""},
		{"conmon of cri-o in the system's slice", "/system.slice/crio-conmon-" + idA + ".scope", "", ""},
		{"a container's cgroup of GitHub's runner, which only Docker can tell", "/actions_job/" + idA, "", ""},
		{"LXC", "/lxc.payload.web/init.scope", "", ""},
		{"LXC's monitor", "/lxc.monitor.web", "", ""},
		{"systemd-nspawn", "/machine.slice/systemd-nspawn@web.service/payload", "", ""},
		{"Garden", "/garden/5a4d9b0e-6b1a-4d3c-7f0e-1c2d", "", ""},
		{"BuildKit", "/docker/buildkit/x7x2mzlbmgd0bg5bjvmmtlbvo", "", ""},
		{"ECS on Fargate, where no sensor may load programs", "/ecs/" + idA[:32] + "/" + idA[:32] + "-2949673445", "", ""},
		{"ECS's task alone", "/ecs/0b2a5a7e-task", "", ""},
		{"digits right below ecs", "/ecs/" + idA, "", ""},
		{"upper case", "/docker/" + strings.ToUpper(idA), "", ""},
		{"too short", "/docker/" + idA[:63], "", ""},
		{"too long", "/docker/" + idA + "0", "", ""},
		{"containerd's own", "/default/web", "", ""},
		{"pod without kubepods", "/podcast/" + idA, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, runtime, ok := Parse(c.path)
			if id != c.id || runtime != c.runtime || ok != (c.id != "") {
				t.Errorf("Parse(%q) = %q, %q, %v; want %q, %q", c.path, id, runtime, ok, c.id, c.runtime)
			}
		})
	}
}

func TestOutermost(t *testing.T) {
	path := "/kubepods/pod" + uid + "/" + idA + "/docker/" + idB
	if id, ok := Outermost(path); !ok || id != idA {
		t.Errorf("Outermost = %s, %v; want %s", id, ok, idA)
	}
	// The place of a kubelet inside a container has to be shown anew.
	if id, _, _ := Parse("/kubepods/pod" + uid + "/" + idA + "/pod1/" + idB); id != idA {
		t.Errorf("a process chose the id of its container: %s", id)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("/kubepods/besteffort/pod" + uid + "/" + idA)
	f.Add("/docker/" + idB + "/kubelet.slice/cri-containerd-" + idA + ".scope")
	f.Add("a:cri-containerd:" + idA)
	f.Fuzz(func(t *testing.T, path string) {
		id, runtime, ok := Parse(path)
		if ok != IsID(id) || ok != (runtime != "") || !strings.Contains(path, id) {
			t.Fatalf("Parse(%q) = %q, %q, %v", path, id, runtime, ok)
		}
		// A cgroup made below keeps the container, and slashes do not matter.
		below, _, _ := Parse(path + "/sub")
		doubled, _, _ := Parse(strings.ReplaceAll(path, "/", "//"))
		if below != id || doubled != id {
			t.Fatalf("Parse(%q) = %q, below it %q, doubled %q", path, id, below, doubled)
		}
		// A process in a container can't make itself another's by what it makes below: the outermost stays.
		if outer, ok := Outermost(path); ok {
			for _, made := range []string{"/docker/" + idB, "/kubepods/pod1/" + idB, "/crio-" + idB + ".scope", "/ecs/a/" + idB} {
				if again, _ := Outermost(path + made); again != outer {
					t.Fatalf("Outermost(%q) = %s, with %s below it %s", path, outer, made, again)
				}
			}
		} else if id != "" {
			t.Fatalf("Parse(%q) = %q, and Outermost finds none", path, id)
		}
		cleaned := Clean(path)
		if Clean(cleaned) != cleaned {
			t.Fatalf("Clean(%q) = %q is not clean", path, cleaned)
		}
	})
}
