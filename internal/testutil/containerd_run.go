package testutil

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	runcoptions "github.com/containerd/containerd/api/types/runc/options"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/containerd/errdefs"
)

// File of an image: Link makes a symbolic link of it.
type File struct{ Name, Content, Link string }

// ImportBusybox makes an image of the machine's static busybox, with /bin/sh and a few other names for it, an
// /etc/passwd with root and app (uid 1000), and the given files, and imports it into a namespace.
func (c *Containerd) ImportBusybox(tb testing.TB, namespace, ref string, files ...File) {
	tb.Helper()
	c.importBusybox(tb, namespace, ref, nil, files)
}

func (c *Containerd) importBusybox(tb testing.TB, namespace, ref string, command []string, files []File) {
	tb.Helper()
	ctx := namespaces.WithNamespace(tb.Context(), namespace)
	archive, err := busyboxArchive(ref, command, files)
	if err != nil {
		tb.Fatalf("make image %s: %v", ref, err)
	}
	if err := c.importArchive(ctx, bytes.NewReader(archive)); err != nil {
		tb.Fatalf("import image %s: %v", ref, err)
	}
}

// ImportFile imports a Docker or OCI archive into a namespace.
func (c *Containerd) ImportFile(tb testing.TB, namespace, file string) {
	tb.Helper()
	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	if err := c.importArchive(namespaces.WithNamespace(tb.Context(), namespace), f); err != nil {
		tb.Fatalf("import %s: %v", file, err)
	}
}

func (c *Containerd) importArchive(ctx context.Context, archive io.Reader) error {
	images, err := c.client.Import(ctx, archive)
	if err != nil {
		return err
	}
	for _, img := range images {
		if err := containerd.NewImage(c.client, img).Unpack(ctx, "overlayfs"); err != nil {
			return fmt.Errorf("unpack %s: %w", img.Name, err)
		}
	}
	return nil
}

// busyboxArchive is a docker archive: one layer, its configuration and a manifest.
func busyboxArchive(ref string, command []string, files []File) ([]byte, error) {
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return nil, err
	}
	all := []File{{Name: "bin/busybox", Content: string(busybox)}}
	for _, name := range []string{"sh", "sleep", "cat", "true", "id", "ls", "touch"} {
		all = append(all, File{Name: "bin/" + name, Link: "busybox"})
	}
	given := map[string]bool{}
	for _, f := range files {
		given[f.Name] = true
	}
	for _, f := range []File{
		{Name: "etc/passwd", Content: "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n"},
		{Name: "etc/group", Content: "root:x:0:\napp:x:1000:\n"},
	} {
		if !given[f.Name] {
			all = append(all, f)
		}
	}
	layer, err := tarOf(append(all, files...))
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Env": []string{"PATH=/bin"}, "Cmd": command},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + sum(layer)}},
	})
	if err != nil {
		return nil, err
	}
	manifest, err := json.Marshal([]map[string]any{{
		"Config": sum(config) + ".json", "RepoTags": []string{ref}, "Layers": []string{"layer.tar"},
	}})
	if err != nil {
		return nil, err
	}
	return tarOf([]File{
		{Name: sum(config) + ".json", Content: string(config)},
		{Name: "layer.tar", Content: string(layer)},
		{Name: "manifest.json", Content: string(manifest)},
	})
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func tarOf(files []File) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		h := &tar.Header{Name: f.Name, Mode: 0o755, Size: int64(len(f.Content)), Typeflag: tar.TypeReg}
		if f.Link != "" {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, f.Link, 0
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if f.Link == "" {
			if _, err := w.Write([]byte(f.Content)); err != nil {
				return nil, err
			}
		}
	}
	err := w.Close()
	return out.Bytes(), err
}

// ContainerSpec says what to run.
type ContainerSpec struct {
	Namespace, ID, Image string
	Labels               map[string]string
	// CgroupsPath is the OCI spec's; empty puts the container below [Containerd.Cgroup].
	CgroupsPath string
	Args        []string
	// Options change the OCI spec further.
	Options []oci.SpecOpts
}

// Container is a container of the test.
type Container struct {
	// Pid is that of its first process, in the test's pid namespace.
	Pid int
	// CgroupsPath is the OCI spec's.
	CgroupsPath string

	ctx    context.Context
	inner  containerd.Container
	task   containerd.Task
	exit   <-chan containerd.ExitStatus
	output string
}

// Create makes a container and its first process, which waits for [Container.Start].
func (c *Containerd) Create(tb testing.TB, s ContainerSpec) *Container {
	tb.Helper()
	x, err := c.create(context.Background(), s)
	if err != nil {
		tb.Fatalf("%v\n%s", err, c.log())
	}
	return x
}

// CreateRecord makes a container without a process: containerd's record of it is all there is.
func (c *Containerd) CreateRecord(tb testing.TB, s ContainerSpec) {
	tb.Helper()
	if _, err := c.record(context.Background(), s); err != nil {
		tb.Fatal(err)
	}
}

func (c *Containerd) record(ctx context.Context, s ContainerSpec) (containerd.Container, error) {
	ctx = namespaces.WithNamespace(ctx, s.Namespace)
	img, err := c.client.GetImage(ctx, s.Image)
	if err != nil {
		return nil, fmt.Errorf("find image %s: %w", s.Image, err)
	}
	options := []oci.SpecOpts{
		oci.WithDefaultSpec(), oci.WithDefaultUnixDevices, oci.WithImageConfig(img), oci.WithProcessArgs(s.Args...),
		oci.WithHostNamespace("network"), oci.WithCgroup(c.cgroupsPath(s)), withoutOOMScore, withoutRlimits,
	}
	inner, err := c.client.NewContainer(ctx, s.ID,
		containerd.WithSnapshotter("overlayfs"),
		containerd.WithNewSnapshot(s.Namespace+"-"+s.ID, img),
		containerd.WithRuntime("io.containerd.runc.v2", &runcoptions.Options{Root: c.path("runc")}),
		containerd.WithContainerLabels(s.Labels),
		containerd.WithNewSpec(append(options, s.Options...)...),
	)
	if err != nil {
		return nil, fmt.Errorf("create container %s: %w", s.ID, err)
	}
	return inner, nil
}

func (c *Containerd) cgroupsPath(s ContainerSpec) string {
	if s.CgroupsPath != "" {
		return s.CgroupsPath
	}
	return filepath.Join(c.Cgroup, s.Namespace, s.ID)
}

func (c *Containerd) create(ctx context.Context, s ContainerSpec) (*Container, error) {
	inner, err := c.record(ctx, s)
	if err != nil {
		return nil, err
	}
	ctx = namespaces.WithNamespace(ctx, s.Namespace)
	c.mu.Lock()
	c.shims = append(c.shims, c.shimSocket(s.Namespace, s.ID))
	c.mu.Unlock()
	x := &Container{ctx: ctx, inner: inner, CgroupsPath: c.cgroupsPath(s), output: c.path("out-" + s.Namespace + "-" + s.ID)}
	// The output is a file that the shim writes.
	if x.task, err = inner.NewTask(ctx, cio.LogFile(x.output)); err != nil {
		return nil, fmt.Errorf("create the task of %s: %w", s.ID, err)
	}
	x.Pid = int(x.task.Pid())
	if x.exit, err = x.task.Wait(ctx); err != nil {
		return nil, fmt.Errorf("wait for %s: %w", s.ID, err)
	}
	return x, nil
}

// Back waits until containerd answers, if it does at all.
func (c *Containerd) Back() {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for ctx.Err() == nil {
		if serving, err := c.client.IsServing(ctx); err == nil && serving {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TryRun is Run while containerd comes and goes. It tells whether the container's command ran for sure, which a started container may not
// have come to before it was killed. What could not be removed goes with the test.
func (c *Containerd) TryRun(s ContainerSpec) (ran bool) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	x, err := c.create(ctx, s)
	if err != nil || x.task.Start(x.ctx) != nil {
		return false
	}
	select {
	case status := <-x.exit:
		ran = status.Error() == nil && status.ExitCode() == 0
	case <-ctx.Done():
	}
	_ = removeContainer(x.ctx, x.inner)
	return ran
}

// Run creates and starts a container and waits for its end. It returns what it wrote and its exit code.
func (c *Containerd) Run(tb testing.TB, s ContainerSpec) (output string, code int) {
	tb.Helper()
	x := c.Create(tb, s)
	x.Start(tb)
	output, code = x.Wait(tb)
	x.Remove(tb)
	return output, code
}

// Start lets the first process go on to its exec.
func (x *Container) Start(tb testing.TB) {
	tb.Helper()
	if err := x.task.Start(x.ctx); err != nil {
		tb.Fatalf("start %s: %v", x.inner.ID(), err)
	}
}

// Wait waits for the end of the first process.
func (x *Container) Wait(tb testing.TB) (output string, code int) {
	tb.Helper()
	select {
	case status := <-x.exit:
		code = int(status.ExitCode())
	case <-time.After(startTimeout):
		tb.Fatalf("wait for %s: it does not end", x.inner.ID())
	}
	text, err := os.ReadFile(x.output)
	if err != nil {
		tb.Fatalf("read the output of %s: %v", x.inner.ID(), err)
	}
	return string(text), code
}

// Output is what the container has written so far.
func (x *Container) Output(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile(x.output)
	if err != nil {
		tb.Fatalf("read the output of %s: %v", x.inner.ID(), err)
	}
	return string(text)
}

// SetLabels changes the container's labels.
func (x *Container) SetLabels(tb testing.TB, labels map[string]string) {
	tb.Helper()
	if _, err := x.inner.SetLabels(x.ctx, labels); err != nil {
		tb.Fatalf("label %s: %v", x.inner.ID(), err)
	}
}

// Remove kills and deletes the container.
func (x *Container) Remove(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(x.ctx, startTimeout)
	defer cancel()
	if err := removeContainer(ctx, x.inner); err != nil {
		tb.Fatalf("remove %s: %v", x.inner.ID(), err)
	}
}

func removeContainer(ctx context.Context, c containerd.Container) error {
	task, err := c.Task(ctx, nil)
	if err == nil {
		exit, waitErr := task.Wait(ctx)
		if err := task.Kill(ctx, syscall.SIGKILL); err == nil && waitErr == nil {
			select {
			case <-exit:
			case <-ctx.Done():
			}
		}
		if _, err := task.Delete(ctx, containerd.WithProcessKill); err != nil && !errdefs.IsNotFound(err) {
			return err
		}
	}
	if err := c.Delete(ctx, containerd.WithSnapshotCleanup); err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	return nil
}

// withoutOOMScore: not every root may lower it.
func withoutOOMScore(_ context.Context, _ oci.Client, _ *containers.Container, s *oci.Spec) error {
	s.Process.OOMScoreAdj = nil
	return nil
}

// withoutRlimits: one that is above the test's own would need CAP_SYS_RESOURCE.
func withoutRlimits(_ context.Context, _ oci.Client, _ *containers.Container, s *oci.Spec) error {
	s.Process.Rlimits = nil
	return nil
}

// HexID makes a container id like those of Docker and the CRI, 64 hexadecimal digits, from a short one.
func HexID(short string) string { return sum([]byte(short)) }
