package runtimes

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/typeurl/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/saker-sensor/saker/internal/event"
)

// raw is a typeurl.Any with a given JSON text.
type raw string

func (raw) GetTypeUrl() string { return "" }
func (r raw) GetValue() []byte { return []byte(r) }

func specOf(t *testing.T, s *specs.Spec) typeurl.Any {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return raw(b)
}

func TestBuildContainerOfPod(t *testing.T) {
	podLabels := map[string]string{labelPodName: "web-0", labelPodNamespace: "shop", labelPodUID: uid}
	with := func(more map[string]string) map[string]string {
		for k, v := range podLabels {
			more[k] = v
		}
		return more
	}
	pod := buildContainer("k8s.io", containers.Container{
		ID: idB, Labels: with(map[string]string{"app": "web", labelKind: "sandbox", "io.kubernetes.x": "y"}),
		Extensions: map[string]typeurl.Any{extensionSandbox: raw(`{"Version":"v1","Metadata":{"ID":"x","IP":"10.1.2.3",
			"CNIResult":{"Interfaces":{"lo":{"IPConfigs":[{"IP":"127.0.0.1"}]},"veth1":{"Mac":"x"},
				"eth0":{"IPConfigs":[{"IP":"10.1.2.3","Gateway":"10.1.2.1"}],"Mac":"y"}}},
			"Config":{"annotations":{"` + annotationApplied + `":"{\"spec\":{\"containers\":[` +
			`{\"name\":\"nginx\",\"livenessProbe\":{\"exec\":{\"command\":[\"cat\",\"/ok\"]}},` +
			`\"readinessProbe\":{\"httpGet\":{\"port\":80}}}]}}"}}}}`)},
	}, parseSpec(specOf(t, &specs.Spec{Linux: &specs.Linux{
		Namespaces: []specs.LinuxNamespace{{Type: specs.NetworkNamespace, Path: "/run/netns/x"}},
	}})), image{}, nil)
	sandbox := pod.Container
	cni := `{"eth0":{"IPConfigs":[{"IP":"10.1.2.3","Gateway":"10.1.2.1"}]}}`
	wantPod := &event.Pod{
		Name: "web-0", Namespace: "shop", UID: uid, SandboxID: idB, Labels: map[string]string{"app": "web"},
	}
	if !sandbox.PodSandbox || sandbox.IP != "10.1.2.3" || sandbox.CNI != cni || !cmp.Equal(wantPod, sandbox.Pod) {
		t.Errorf("sandbox: %+v, pod %+v", sandbox, sandbox.Pod)
	}

	created := time.Unix(1700000000, 5)
	c := containers.Container{
		ID: idA, CreatedAt: created, Image: "sha256:" + idB,
		Labels: with(map[string]string{labelContainerName: "nginx", labelKind: "container"}),
		Extensions: map[string]typeurl.Any{extensionContainer: raw(
			`{"Version":"v1","Metadata":{"ImageRef":"sha256:abc","Config":{"linux":{"security_context":{"privileged":true}}}}}`)},
		Spec: specOf(t, &specs.Spec{
			Annotations: map[string]string{annotationSandbox: idB, annotationImage: "docker.io/library/nginx:1.27"},
			Linux: &specs.Linux{
				MaskedPaths: []string{"/proc/kcore"},
				Namespaces:  []specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace, Path: "/run/netns/x"}},
			},
			Mounts: []specs.Mount{
				{Destination: "/proc", Type: "proc", Source: "proc"},
				{Destination: "/data", Type: "bind", Source: "/srv/data", Options: []string{"rbind", "rslave", "ro"}},
				{Destination: "/etc/hosts", Source: "/var/lib/hosts", Options: []string{"rbind", "rprivate", "rw", "mode=755"}},
			},
		}),
	}
	got := buildContainer("k8s.io", c, parseSpec(c.Spec), image{digest: "sha256:d"}, pod)
	want := &event.Container{
		ID: idA, Name: "nginx", Type: "containerd", Image: "docker.io/library/nginx:1.27",
		ImageRepository: "docker.io/library/nginx", ImageTag: "1.27", ImageDigest: "sha256:d", ImageID: "abc",
		Labels: c.Labels, Privileged: true, HostIPC: true, StartTime: created.UnixNano(), IP: "10.1.2.3", CNI: cni, Pod: wantPod,
		Probes: []event.Probe{{Kind: event.LivenessProbe, Exe: "cat", Args: []string{"/ok"}}},
		Mounts: []event.Mount{
			{Source: "/srv/data", Dest: "/data", Propagation: "rslave"},
			{Source: "/var/lib/hosts", Dest: "/etc/hosts", Mode: "755", RdWr: true, Propagation: "private"},
		},
	}
	if diff := cmp.Diff(want, got.Container); diff != "" || got.Cut != 0 {
		t.Errorf("cut %d\n%s", got.Cut, diff)
	}
}

func TestSetImage(t *testing.T) {
	digest := "sha256:" + idA
	for _, c := range []struct{ name, asked, image, repository, tag, digest string }{
		{"docker.io/library/nginx:1.27", "", "docker.io/library/nginx:1.27", "docker.io/library/nginx", "1.27", ""},
		{"localhost:5000/a/b", "", "localhost:5000/a/b", "localhost:5000/a/b", "", ""},
		{"localhost:5000/a/b:t", "", "localhost:5000/a/b:t", "localhost:5000/a/b", "t", ""},
		{"r.io/x@" + digest, "", "r.io/x@" + digest, "r.io/x", "", digest},
		{"r.io/x:v1@" + digest, "", "r.io/x:v1@" + digest, "r.io/x", "v1", digest},
		{digest, "busybox:2", "busybox:2", "busybox", "2", ""},
		{"", "busybox", "busybox", "busybox", "", ""},
		{"", "", "", "", "", ""},
		{"NOT A REF", "", "NOT A REF", "", "", ""},
	} {
		var got event.Container
		setImage(&got, c.name, c.asked)
		want := event.Container{Image: c.image, ImageRepository: c.repository, ImageTag: c.tag, ImageDigest: c.digest}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q, asked %q: %s", c.name, c.asked, diff)
		}
	}
}

func TestLooksPrivileged(t *testing.T) {
	privileged := func() *specs.Spec {
		return parseSpec(specOf(t, &specs.Spec{
			Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_SYS_ADMIN"}}},
			Mounts:  []specs.Mount{{Type: "sysfs", Destination: "/sys", Options: []string{"rw"}}},
		}))
	}
	for _, c := range []struct {
		name   string
		change func(*specs.Spec)
		want   bool
	}{
		{"as runtimes make it", func(*specs.Spec) {}, true},
		{"masked path", func(s *specs.Spec) { s.Linux.MaskedPaths = []string{"/proc/kcore"} }, false},
		{"read-only path", func(s *specs.Spec) { s.Linux.ReadonlyPaths = []string{"/proc/sys"} }, false},
		{"seccomp", func(s *specs.Spec) { s.Linux.Seccomp = &specs.LinuxSeccomp{} }, false},
		{"apparmor", func(s *specs.Spec) { s.Process.ApparmorProfile = "cri-containerd.apparmor.d" }, false},
		{"unconfined", func(s *specs.Spec) { s.Process.ApparmorProfile = "unconfined" }, true},
		{"read-only sysfs", func(s *specs.Spec) { s.Mounts[0].Options = []string{"nosuid", "ro"} }, false},
		{"no CAP_SYS_ADMIN", func(s *specs.Spec) { s.Process.Capabilities.Bounding = nil }, false},
		{"no capabilities", func(s *specs.Spec) { s.Process.Capabilities = nil }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := privileged()
			c.change(s)
			if got := looksPrivileged(s); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestNamesAndTypes(t *testing.T) {
	for _, c := range []struct {
		namespace, name, kind string
		labels                map[string]string
	}{
		{"default", "abc", "containerd", nil},
		{"default", "db", "containerd", map[string]string{labelNerdctlName: "db"}},
		{"moby", "abc", "docker", nil},
		{"default", "abc", "containerd", map[string]string{labelContainerName: strings.Repeat("x", maxNameBytes+1)}},
	} {
		got := buildContainer(c.namespace, containers.Container{ID: "abc", Labels: c.labels}, parseSpec(raw("{broken")), image{}, nil).Container
		// The label that is too long is left out, not cut.
		if want := map[bool]string{true: "", false: c.name}[len(c.labels[labelContainerName]) > maxNameBytes]; got.Name != want ||
			got.Type != c.kind {
			t.Errorf("%s %v: name %q, type %q", c.namespace, c.labels, got.Name, got.Type)
		}
	}
}

func TestHostileLabels(t *testing.T) {
	labels := map[string]string{labelPodName: "web-0", "zz": "kept", "big": strings.Repeat("x", 1<<20)}
	for i := range 2000 {
		labels[fmt.Sprintf("a%04d", i)] = strings.Repeat("y", 1000)
	}
	built := buildContainer("k8s.io", containers.Container{ID: idA, Labels: labels}, parseSpec(nil), image{}, nil)
	got, cut := built.Container, built.Cut
	size := 0
	for k, v := range got.Labels {
		size += len(k) + len(v)
	}
	if size > maxLabelTotal || len(got.Labels) > maxLabels || cut != len(labels)-len(got.Labels) {
		t.Errorf("%d labels of %d bytes kept, %d cut", len(got.Labels), size, cut)
	}
	if got.Pod == nil || got.Pod.Name != "web-0" || got.Labels["big"] != "" {
		t.Errorf("pod %+v; the label of 1 MiB has %d bytes left", got.Pod, len(got.Labels["big"]))
	}
	again := buildContainer("k8s.io", containers.Container{ID: idA, Labels: labels}, parseSpec(nil), image{}, nil).Container
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("which labels are kept is left to chance:\n%s", diff)
	}
}
