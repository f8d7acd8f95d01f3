package testutil

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// pauseImage is that of pods' sandboxes.
const pauseImage = "localhost/lab/pause:1"

// pluginFolder has the network plugins, of Debian's containernetworking-plugins.
const pluginFolder = "/usr/lib/cni"

// StartContainerdCRI starts one that a kubelet could use, with a network for pods.
func StartContainerdCRI(tb testing.TB) *Containerd {
	tb.Helper()
	if _, err := os.Stat(pluginFolder + "/ptp"); err != nil {
		tb.Fatalf("find the network plugins: %v; run make install, it installs what the tests need", err)
	}
	c := startContainerd(tb, true)
	c.importBusybox(tb, "k8s.io", pauseImage, []string{"/bin/sleep", "1000000"}, nil)
	return c
}

// configCRI is for containerd 1.x, and 2.x which takes it over. Root may not lower the OOM score everywhere.
func (c *Containerd) configCRI(tb testing.TB) string {
	tb.Helper()
	network := fmt.Sprintf(
		`{"cniVersion": "0.4.0", "name": %q, "plugins": [{"type": "ptp", "ipam": {"type": "host-local", "dataDir": %q, "ranges": [[{"subnet": `+
			`"10.213.77.0/24"}]]}}]}`,
		strings.Trim(c.Cgroup, "/"),
		c.path("ipam"),
	)
	if err := os.MkdirAll(c.path("cni"), 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(c.path("cni/10-lab.conflist"), []byte(network), 0o600); err != nil {
		tb.Fatal(err)
	}
	if out, err := exec.Command("containerd", "--version").Output(); err == nil && strings.Contains(string(out), " v2.") {
		return fmt.Sprintf(`version = 3
root = %q
state = %q
oom_score = 0
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp", "io.containerd.nri.v1.nri"]
[grpc]
  address = %q
[plugins."io.containerd.grpc.v1.cri"]
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = %q
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      Root = %q
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = [%q]
    conf_dir = %q
`, c.path("root"), c.path("state"), c.Socket, pauseImage, c.path("runc"), pluginFolder, c.path("cni"))
	}
	return strings.Replace(c.config(), `"io.containerd.grpc.v1.cri", `, "", 1) + fmt.Sprintf(`
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        Root = %q
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %q
    conf_dir = %q
`, pauseImage, c.path("runc"), pluginFolder, c.path("cni"))
}

// CRI is a client of its CRI plugin; it ends with the test.
func (c *Containerd) CRI(tb testing.TB) cri.RuntimeServiceClient {
	tb.Helper()
	conn, err := grpc.NewClient("unix:"+c.Socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return cri.NewRuntimeServiceClient(conn)
}

// RunPod starts a pod's sandbox, below a cgroup like a kubelet's, and returns its id.
func (c *Containerd) RunPod(tb testing.TB, config *cri.PodSandboxConfig) (id string) {
	tb.Helper()
	config.LogDirectory = c.path("logs")
	if config.Linux == nil {
		config.Linux = &cri.LinuxPodSandboxConfig{}
	}
	config.Linux.CgroupParent = c.Cgroup + "/kubepods/pod" + config.GetMetadata().GetUid()
	answer, err := c.CRI(tb).RunPodSandbox(context.Background(), &cri.RunPodSandboxRequest{Config: config})
	if err != nil {
		tb.Fatalf("run pod %s: %v\n%s", config.GetMetadata().GetName(), err, c.log())
	}
	return answer.GetPodSandboxId()
}

// CreateInPod makes a container of a pod, which waits for its start.
func (c *Containerd) CreateInPod(tb testing.TB, pod string, sandbox *cri.PodSandboxConfig, config *cri.ContainerConfig) (id string) {
	tb.Helper()
	answer, err := c.CRI(
		tb,
	).CreateContainer(
		context.Background(),
		&cri.CreateContainerRequest{PodSandboxId: pod, Config: config, SandboxConfig: sandbox},
	)
	if err != nil {
		tb.Fatalf("create container %s: %v\n%s", config.GetMetadata().GetName(), err, c.log())
	}
	return answer.GetContainerId()
}

// StartInPod starts a container of a pod.
func (c *Containerd) StartInPod(tb testing.TB, id string) {
	tb.Helper()
	if _, err := c.CRI(tb).StartContainer(context.Background(), &cri.StartContainerRequest{ContainerId: id}); err != nil {
		tb.Fatalf("start container %s: %v\n%s", id, err, c.log())
	}
}

// removePods ends all pods, their networks too.
func (c *Containerd) removePods(tb testing.TB) {
	conn, err := grpc.NewClient("unix:"+c.Socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Errorf("remove the pods: %v", err)
		return
	}
	defer func() { _ = conn.Close() }()
	runtime := cri.NewRuntimeServiceClient(conn)
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	pods, err := runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	if err != nil {
		tb.Errorf("list the pods: %v", err)
	}
	for _, p := range pods.GetItems() {
		if _, err := runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: p.GetId()}); err != nil {
			tb.Errorf("stop pod %s: %v", p.GetId(), err)
		}
		if _, err := runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: p.GetId()}); err != nil {
			tb.Errorf("remove pod %s: %v", p.GetId(), err)
		}
	}
}
