// Package image tests the image in a real containerd, with what deploy/daemonset.yaml gives it. It is apart from e2e because it
// builds a binary of its own, as make image does.
package image

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/contrib/seccomp"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/goccy/go-yaml"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/saker-sensor/saker/internal/testutil"
)

const (
	sensorImage = "ghcr.io/saker-sensor/saker:latest"
	shopImage   = "registry.example.org/team/shop:1.4"
	guide       = "../e2e/testdata/guide_rules.yaml"
)

// buildImage makes the image's archive as make image does, but that the other architecture's sensor is none.
func buildImage(t *testing.T) (archive string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("containers need root: run the tests as root")
	}
	root := t.TempDir()
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Dockerfile", "rules", "deploy"} {
		if err := os.Symlink(filepath.Join(top, name), filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	// Not the tests' own binary: that one may need a libc.
	sensor := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=image-test", "-o",
		filepath.Join(root, "bin/sensor-"+runtime.GOARCH), "./cmd/sensor")
	sensor.Dir, sensor.Env = top, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := sensor.CombinedOutput(); err != nil {
		t.Fatalf("build the sensor: %v\n%s", err, out)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		if arch != runtime.GOARCH {
			if err := os.WriteFile(filepath.Join(root, "bin/sensor-"+arch), []byte("for another machine"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	builder := filepath.Join(root, "image")
	compile := exec.Command("go", "build", "-o", builder, "./deploy/image")
	compile.Dir = top
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("build deploy/image: %v\n%s", err, out)
	}
	var archives []string
	for _, name := range []string{"first.tar", "second.tar"} {
		file := filepath.Join(root, name)
		if out, err := exec.Command(builder, "-root", root, "-version", "image-test", "-o", file).CombinedOutput(); err != nil {
			t.Fatalf("build the image: %v\n%s", err, out)
		}
		archives = append(archives, file)
	}
	first, err := os.ReadFile(archives[0])
	if err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(archives[1]); err != nil || !bytes.Equal(first, second) {
		t.Errorf("two builds of one image differ (%v)", err)
	}
	return archives[0]
}

// manifest is what of deploy/daemonset.yaml a container is made of.
type manifest struct {
	Data map[string]string
	Spec struct {
		Template struct {
			Spec struct {
				Containers []struct {
					SecurityContext struct {
						Capabilities struct{ Add []string }
					} `yaml:"securityContext"`
					VolumeMounts []struct {
						Name             string
						MountPath        string `yaml:"mountPath"`
						ReadOnly         bool   `yaml:"readOnly"`
						MountPropagation string `yaml:"mountPropagation"`
					} `yaml:"volumeMounts"`
				}
				Volumes []struct {
					Name     string
					HostPath struct{ Path string } `yaml:"hostPath"`
				}
			}
		}
	}
}

// pod is the manifest's container.
type pod struct {
	capabilities []string
	mounts       []specs.Mount
	configFile   string // the text of saker.yaml
}

// readPod gives the container of the DaemonSet. sources stand in for what volumes are of.
func readPod(t *testing.T, sources map[string]string) pod {
	t.Helper()
	text, err := os.ReadFile("../../deploy/daemonset.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var p pod
	for _, document := range strings.Split(string(text), "\n---\n") {
		var m manifest
		if err := yaml.Unmarshal([]byte(document), &m); err != nil {
			t.Fatalf("read the manifest: %v", err)
		}
		if file, ok := m.Data["saker.yaml"]; ok {
			p.configFile = file
		}
		for _, c := range m.Spec.Template.Spec.Containers {
			for _, name := range c.SecurityContext.Capabilities.Add {
				p.capabilities = append(p.capabilities, "CAP_"+name)
			}
			for _, v := range c.VolumeMounts {
				source := sources[v.Name]
				for _, volume := range m.Spec.Template.Spec.Volumes {
					if volume.Name == v.Name && source == "" {
						source = volume.HostPath.Path
					}
				}
				options := []string{"rbind", "rw", "rprivate"}
				if v.ReadOnly {
					options[1] = "ro"
				}
				if v.MountPropagation == "HostToContainer" {
					options[2] = "rslave"
				}
				p.mounts = append(p.mounts, specs.Mount{Type: "bind", Source: source, Destination: v.MountPath, Options: options})
			}
		}
	}
	if len(p.capabilities) == 0 || len(p.mounts) == 0 || p.configFile == "" {
		t.Fatalf("the manifest lacks something: %+v", p)
	}
	return p
}

// options are those that the kubelet and the CRI make of the manifest: the runtime's default seccomp profile goes by the capabilities.
func (p pod) options(without string) []oci.SpecOpts {
	have := slices.DeleteFunc(slices.Clone(p.capabilities), func(name string) bool { return name == without })
	return []oci.SpecOpts{
		oci.WithCapabilities(have), oci.WithNoNewPrivileges, oci.WithRootFSReadonly(), oci.WithHostNamespace(specs.PIDNamespace),
		oci.WithMounts(p.mounts), seccomp.WithDefaultProfile(),
	}
}

// waitOutput waits until the container has written a line with all of the texts.
func waitOutput(t *testing.T, c *testutil.Container, texts ...string) {
	t.Helper()
	waitLine(t, func() string { return c.Output(t) }, texts...)
}

// waitLine waits until a line of what was written has all of the texts.
func waitLine(t *testing.T, written func() string, texts ...string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		for line := range strings.Lines(written()) {
			if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("no line has %q:\n%s", texts, written())
		}
	}
}

// waitHealthy waits as the kubelet's startup probe does.
func waitHealthy(t *testing.T, url string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		answer, err := http.Get(url)
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("GET %s: %v, %v", url, answer, err)
		}
	}
}

// TestImage: the image runs in a real containerd with what deploy/daemonset.yaml gives it and no more, sees what another container
// does, and names its pod. Without the capabilities that load programs it says which one is missing.
func TestImage(t *testing.T) {
	archive := buildImage(t)
	l := testutil.StartContainerd(t)
	l.ImportBusybox(t, "k8s.io", shopImage)
	l.ImportFile(t, "k8s.io", archive)
	if out, code := l.Run(t, testutil.ContainerSpec{Namespace: "k8s.io", ID: testutil.HexID("version"), Image: sensorImage,
		Args: []string{"/usr/bin/sensor", "--version"}}); code != 0 || !strings.Contains(out, "image-test") {
		t.Errorf("--version: code %d\n%s", code, out)
	}

	sources := map[string]string{"config": t.TempDir(), "rules": t.TempDir(), "state": t.TempDir(), "containerd": filepath.Dir(l.Socket)}
	p := readPod(t, sources)
	rules, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{sources["config"] + "/saker.yaml": p.configFile,
		sources["rules"] + "/guide.yaml": string(rules)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"CAP_BPF", "CAP_PERFMON"} {
		c := l.Create(t, testutil.ContainerSpec{
			Namespace: "k8s.io", ID: testutil.HexID("without " + name), Image: sensorImage,
			Args: []string{"/usr/bin/sensor", "--dry-run"}, Options: p.options(name),
		})
		c.Start(t)
		waitOutput(t, c, "missing", name)
		if out, code := c.Wait(t); code == 0 {
			t.Errorf("without %s the sensor starts:\n%s", name, out)
		}
		c.Remove(t)
	}

	address := testutil.FreeAddress(t) // the rig's containers are in the host's network, a pod is not
	_, port, _ := net.SplitHostPort(address)
	c := l.Create(t, testutil.ContainerSpec{
		Namespace: "k8s.io", ID: testutil.HexID("sensor"), Image: sensorImage,
		Args: []string{
			"/usr/bin/sensor", "-o", "webserver.listen_port=" + port,
			"-o", "container_engines.containerd.sockets[0]=/run/containerd/" + filepath.Base(l.Socket),
		},
		Options: p.options(""),
	})
	c.Start(t)
	waitOutput(t, c, "ready")
	waitHealthy(t, "http://"+address+"/healthz")
	waitOutput(t, c, "container runtime", "connected")
	l.Run(t, testutil.ContainerSpec{
		Namespace: "k8s.io", ID: testutil.HexID("shop"), Image: shopImage,
		Labels: map[string]string{
			"io.kubernetes.pod.name": "shop-7d4b", "io.kubernetes.pod.namespace": "checkout", "io.kubernetes.container.name": "shop",
			"io.kubernetes.pod.uid": "11111111-2222-3333-4444-555555555555",
		},
		Args: []string{"/bin/sh", "-c", "true; exit 0"},
	})
	waitOutput(t, c, "Terminal shell in container", "container=shop ", "pod=shop-7d4b ", "namespace=checkout ")
	if err := syscall.Kill(c.Pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if out, code := c.Wait(t); code != 0 {
		t.Errorf("the sensor ended with %d:\n%s", code, out)
	}
}
