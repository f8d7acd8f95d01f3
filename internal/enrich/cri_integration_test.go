package enrich

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/saker-sensor/saker/internal/enrich/runtimes"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/testutil"
)

const busyboxPod = "example.org/lab/busybox:1.36"

// TestPodsByBothInterfaces: a real pod with a network, asked for by containerd's own interface and by the CRI, gets the
// same answers to all fields.
func TestPodsByBothInterfaces(t *testing.T) {
	c := testutil.StartContainerdCRI(t)
	c.ImportBusybox(t, "k8s.io", busyboxPod)
	own := newRigOf(t, runtimes.Runtime{Kind: runtimes.Containerd, Socket: c.Socket})
	other := newRigOf(t, runtimes.Runtime{Kind: runtimes.CRI, Socket: c.Socket})
	own.until("connection", own.connected)
	other.until("connection", other.connected)

	pod := &cri.PodSandboxConfig{
		Metadata: &cri.PodSandboxMetadata{Name: "web-0", Namespace: "shop", Uid: uid},
		Labels:   map[string]string{"app": "web", labelPodName: "web-0", labelPodNamespace: "shop", labelPodUID: uid},
		Annotations: map[string]string{
			annotationApplied: `{"spec":{"containers":[{"name":"nginx","livenessProbe":{"exec":{"command":["cat","/ok"]}}}]}}`,
		},
	}
	podID := c.RunPod(t, pod)
	data := t.TempDir()
	id := c.CreateInPod(t, podID, pod, &cri.ContainerConfig{
		Metadata: &cri.ContainerMetadata{Name: "nginx"}, Image: &cri.ImageSpec{Image: busyboxPod}, Command: []string{"/bin/sleep", "600"},
		Labels: map[string]string{labelPodName: "web-0", labelPodNamespace: "shop", labelPodUID: uid, labelContainerName: "nginx"},
		Mounts: []*cri.Mount{{HostPath: data, ContainerPath: "/data", Readonly: true}},
	})
	c.StartInPod(t, id)
	place := c.Cgroup + "/kubepods/pod" + uid + "/" + id
	x := &testutil.Container{CgroupsPath: place}
	var got []*event.Container
	for _, r := range []*rig{own, other} {
		ev, state := r.event(x, 0)
		if state != Known {
			t.Fatalf("%s: %v; %+v", r.Status()[0].Kind, state, r.Counters())
		}
		got = append(got, ev.Container)
	}
	for _, g := range got {
		ip, err := netip.ParseAddr(g.IP)
		if err != nil || !netip.MustParsePrefix("10.213.77.0/24").Contains(ip) || g.StartTime == 0 || len(g.ImageID) != 64 {
			t.Errorf("address %q, start %d, image id %q", g.IP, g.StartTime, g.ImageID)
		}
		want := &event.Container{
			ID: id, Name: "nginx", Type: "containerd", Image: busyboxPod, ImageRepository: "example.org/lab/busybox", ImageTag: "1.36",
			ImageDigest: g.ImageDigest, ImageID: g.ImageID, IP: g.IP, StartTime: g.StartTime,
			CNI:    `{"eth0":{"IPConfigs":[{"IP":"` + g.IP + `","Gateway":"10.213.77.1"}]}}`,
			Pod:    &event.Pod{Name: "web-0", Namespace: "shop", UID: uid, SandboxID: podID},
			Probes: []event.Probe{{Kind: event.LivenessProbe, Exe: "cat", Args: []string{"/ok"}}},
		}
		if diff := cmp.Diff(want, g, cmpopts.IgnoreFields(event.Container{}, "Labels", "Mounts"),
			cmpopts.IgnoreFields(event.Pod{}, "Labels")); diff != "" {
			t.Error(diff)
		}
		if g.Labels[labelContainerName] != "nginx" || g.Pod.Labels["app"] != "web" {
			t.Errorf("labels %v, of the pod %v", g.Labels, g.Pod.Labels)
		}
		if !slices.ContainsFunc(g.Mounts, func(m event.Mount) bool {
			return m.Source == data && m.Dest == "/data" && !m.RdWr && m.Propagation != ""
		}) {
			t.Errorf("mounts %+v", g.Mounts)
		}
	}
	if got[0].ImageID != got[1].ImageID || got[0].IP != got[1].IP {
		t.Errorf("the interfaces differ: %+v, %+v", got[0], got[1])
	}

	// The sandbox itself.
	for _, r := range []*rig{own, other} {
		ev, state := r.event(&testutil.Container{CgroupsPath: c.Cgroup + "/kubepods/pod" + uid + "/" + podID}, 0)
		if state != Known || !ev.Container.PodSandbox || ev.Container.Pod.Name != "web-0" || ev.Container.IP != got[0].IP {
			t.Errorf("%s: %v, %+v", r.Status()[0].Kind, state, ev.Container)
		}
	}

	// A restart, with a new container after it.
	c.Kill(t)
	other.until("loss of the connection", func() bool { return other.Status()[0].Connection == Lost })
	if ev, state := other.event(x, 0); state != Known || ev.Container.Name != "nginx" {
		t.Errorf("while the runtime is away: %v", state)
	}
	c.Start(t)
	other.until("connection", other.connected)
	after := c.CreateInPod(t, podID, pod, &cri.ContainerConfig{
		Metadata: &cri.ContainerMetadata{Name: "after"}, Image: &cri.ImageSpec{Image: busyboxPod}, Command: []string{"/bin/sleep", "600"},
	})
	c.StartInPod(t, after)
	if ev, state := other.event(&testutil.Container{CgroupsPath: c.Cgroup + "/kubepods/pod" + uid + "/" + after}, 0); state != Known ||
		ev.Container.Name != "after" {
		t.Errorf("after the restart: %v, %+v", state, ev.Container)
	}
}

// TestPodInTheHostsNamespaces: what a pod shares with the host is told alike.
func TestPodInTheHostsNamespaces(t *testing.T) {
	c := testutil.StartContainerdCRI(t)
	c.ImportBusybox(t, "k8s.io", busyboxPod)
	own := newRigOf(t, runtimes.Runtime{Kind: runtimes.Containerd, Socket: c.Socket})
	other := newRigOf(t, runtimes.Runtime{Kind: runtimes.CRI, Socket: c.Socket})
	own.until("connection", own.connected)
	other.until("connection", other.connected)
	shared := &cri.NamespaceOption{Network: cri.NamespaceMode_NODE, Pid: cri.NamespaceMode_NODE, Ipc: cri.NamespaceMode_NODE}
	pod := &cri.PodSandboxConfig{
		Metadata: &cri.PodSandboxMetadata{Name: "node-agent", Namespace: "ops", Uid: uid},
		Linux:    &cri.LinuxPodSandboxConfig{SecurityContext: &cri.LinuxSandboxSecurityContext{NamespaceOptions: shared}},
	}
	podID := c.RunPod(t, pod)
	id := c.CreateInPod(t, podID, pod, &cri.ContainerConfig{
		Metadata: &cri.ContainerMetadata{Name: "agent"}, Image: &cri.ImageSpec{Image: busyboxPod}, Command: []string{"/bin/sleep", "600"},
		Linux: &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{NamespaceOptions: shared}},
	})
	c.StartInPod(t, id)
	for _, r := range []*rig{own, other} {
		ev, state := r.event(&testutil.Container{CgroupsPath: c.Cgroup + "/kubepods/pod" + uid + "/" + id}, 0)
		if state != Known {
			t.Fatalf("%s: %v", r.Status()[0].Kind, state)
		}
		if g := ev.Container; g.Name != "agent" || g.Pod == nil || g.Pod.Name != "node-agent" || g.Pod.Namespace != "ops" || !g.HostNetwork ||
			!g.HostPID || !g.HostIPC || g.IP != "" || g.CNI != "" || g.Privileged {
			t.Errorf("%s: %+v", r.Status()[0].Kind, g)
		}
	}
}
