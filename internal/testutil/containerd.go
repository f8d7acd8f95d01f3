package testutil

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"golang.org/x/sys/unix"
)

// startTimeout bounds the start and the end of containerd, and of a container.
const startTimeout = 2 * time.Minute

// Containerd is a containerd of the test's own: socket, state, images, containers and cgroups are apart from the
// machine's. It needs root, and the Debian packages containerd, runc and busybox-static.
type Containerd struct {
	// Socket is its gRPC address.
	Socket string
	// Cgroup is a cgroup path, unique to this containerd, below which its containers lie unless they say otherwise.
	// It is removed at the end.
	Cgroup string

	dir string
	// cri: with the CRI plugin.
	cri    bool
	mu     sync.Mutex // guards shims: tests make containers side by side
	shims  []string
	cmd    *exec.Cmd
	exited chan struct{}
	client *containerd.Client
}

// StartContainerd starts one and ends it, with all that it has made, when the test ends. Without root the test is
// skipped.
func StartContainerd(tb testing.TB) *Containerd {
	tb.Helper()
	return startContainerd(tb, false)
}

// UseContainerd makes containers in one that somebody else has started, and will clean up. They lie below the cgroup.
func UseContainerd(tb testing.TB, socket, cgroup string) *Containerd {
	tb.Helper()
	client, err := containerd.New(socket)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { client.Close() })
	return &Containerd{Socket: socket, Cgroup: cgroup, dir: tb.TempDir(), client: client}
}

func startContainerd(tb testing.TB, cri bool) *Containerd {
	tb.Helper()
	if os.Getuid() != 0 {
		tb.Skip("containers need root: run the tests as root")
	}
	for _, name := range []string{"containerd", "containerd-shim-runc-v2", "runc", "/bin/busybox"} {
		if _, err := exec.LookPath(name); err != nil {
			tb.Fatalf("find %s: %v; run make test, it installs what is needed", name, err)
		}
	}
	// Not tb.TempDir: the path of a Unix socket has to be shorter than 108 bytes.
	dir, err := os.MkdirTemp("/tmp", "ctrd-")
	if err != nil {
		tb.Fatal(err)
	}
	c := &Containerd{dir: dir, cri: cri, Socket: filepath.Join(dir, "c.sock"), Cgroup: "/" + filepath.Base(dir)}
	tb.Cleanup(func() { c.cleanup(tb) })
	config := c.config()
	if cri {
		config = c.configCRI(tb)
	}
	if err := os.WriteFile(c.path("config.toml"), []byte(config), 0o600); err != nil {
		tb.Fatal(err)
	}
	c.start(tb)
	c.client, err = containerd.New(c.Socket)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func (c *Containerd) path(name string) string { return filepath.Join(c.dir, name) }

// config leaves out the CRI plugin, which needs a network, and leaves the OOM score alone, which root may not lower
// everywhere.
func (c *Containerd) config() string {
	return fmt.Sprintf(`version = 2
root = %q
state = %q
oom_score = 0
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt",
  "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = %q
`, c.path("root"), c.path("state"), c.Socket)
}

// start runs the daemon and waits until it answers.
func (c *Containerd) start(tb testing.TB) {
	tb.Helper()
	log, err := os.OpenFile(c.path("log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	defer log.Close()
	c.cmd = exec.Command("containerd", "--config", c.path("config.toml"))
	c.cmd.Stdout, c.cmd.Stderr = log, log
	if err := c.cmd.Start(); err != nil {
		tb.Fatalf("start containerd: %v", err)
	}
	exited, cmd := make(chan struct{}), c.cmd
	c.exited = exited
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	client, err := containerd.New(c.Socket)
	if err != nil {
		tb.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		if serving, err := client.IsServing(ctx); err == nil && serving {
			return
		}
		select {
		case <-exited:
			tb.Fatalf("start containerd: it ended at once\n%s", c.log())
		case <-ctx.Done():
			tb.Fatalf("start containerd: it does not answer\n%s", c.log())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (c *Containerd) log() string {
	text, _ := os.ReadFile(c.path("log"))
	return string(text)
}

// Client is connected, also after a restart.
func (c *Containerd) Client() *containerd.Client { return c.client }

// Stop ends the daemon; its containers live on.
func (c *Containerd) Stop(tb testing.TB) { c.signal(tb, syscall.SIGTERM) }

// Kill ends the daemon without a chance to clean up; its containers live on.
func (c *Containerd) Kill(tb testing.TB) { c.signal(tb, syscall.SIGKILL) }

// Hang stops the daemon without an end, until Resume: it answers nothing, and its connections stay.
func (c *Containerd) Hang(tb testing.TB) {
	tb.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		tb.Fatal(err)
	}
}

// Resume lets the daemon go on after Hang.
func (c *Containerd) Resume(tb testing.TB) {
	tb.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		tb.Fatal(err)
	}
}

// Start runs the daemon again after Stop or Kill.
func (c *Containerd) Start(tb testing.TB) {
	tb.Helper()
	c.start(tb)
}

// Restart is Stop and Start.
func (c *Containerd) Restart(tb testing.TB) {
	tb.Helper()
	c.Stop(tb)
	c.start(tb)
}

func (c *Containerd) signal(tb testing.TB, sig syscall.Signal) {
	tb.Helper()
	_ = c.cmd.Process.Signal(sig)
	select {
	case <-c.exited:
	case <-time.After(startTimeout):
		_ = c.cmd.Process.Kill()
		tb.Fatalf("end containerd: it does not end\n%s", c.log())
	}
}

// cleanup removes everything, whatever state the test has left it in.
func (c *Containerd) cleanup(tb testing.TB) {
	if c.cmd != nil && c.cmd.Process != nil {
		_ = c.cmd.Process.Signal(syscall.SIGCONT)
		if c.client != nil {
			if c.running() {
				if c.cri {
					c.removePods(tb)
				}
				if err := c.removeContainers(); err != nil {
					tb.Logf("remove the containers: %v", err)
				}
			}
			c.client.Close()
		}
		if c.running() {
			c.signal(tb, syscall.SIGTERM)
		}
	}
	c.killShims(tb)
	if err := unmountBelow(c.dir); err != nil {
		tb.Errorf("clean up containerd: %v", err)
	}
	if err := os.RemoveAll(c.dir); err != nil {
		tb.Errorf("clean up containerd: %v", err)
	}
	if err := RemoveCgroups(c.Cgroup); err != nil {
		tb.Errorf("clean up containerd: %v", err)
	}
	// The shims' own sockets lie here, wherever the state is; a killed shim leaves its one. Only empty folders go.
	for _, socket := range c.shims {
		_ = os.Remove(socket)
	}
	_ = os.Remove("/run/containerd/s")
	_ = os.Remove("/run/containerd")
}

func (c *Containerd) running() bool {
	select {
	case <-c.exited:
		return false
	default:
		return true
	}
}

// removeContainers ends and deletes all containers of all namespaces.
func (c *Containerd) removeContainers() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	names, err := c.client.NamespaceService().List(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		ctx := namespaces.WithNamespace(ctx, name)
		all, err := c.client.Containers(ctx)
		errs = append(errs, err)
		for _, container := range all {
			errs = append(errs, removeContainer(ctx, container))
		}
	}
	return errors.Join(errs...)
}

// shimSocket is where the shim of a container listens: containerd's pkg/shim.SocketAddress.
func (c *Containerd) shimSocket(namespace, id string) string {
	return "/run/containerd/s/" + sum([]byte(filepath.Join(c.Socket, namespace, id)))
}

// killShims ends what is left of this containerd's shims and their containers. A shim's command line names the socket,
// which no other process has.
func (c *Containerd) killShims(tb testing.TB) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		tb.Errorf("clean up containerd: %v", err)
		return
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		args, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if strings.Contains(string(args), "containerd-shim") && strings.Contains(string(args), c.Socket) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	KillCgroup(c.Cgroup)
}

// unmountBelow undoes the mounts below a folder, the last first.
func unmountBelow(dir string) error {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var errs []error
	lines := strings.Split(string(text), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if f := strings.Fields(lines[i]); len(f) > 4 && strings.HasPrefix(f[4], dir+"/") {
			errs = append(errs, unix.Unmount(f[4], unix.MNT_DETACH))
		}
	}
	return errors.Join(errs...)
}
