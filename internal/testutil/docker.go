package testutil

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Docker is a Docker or a Podman of the test's own, apart from the machine's, asked by Docker's interface. It needs root.
type Docker struct {
	Socket string
	// Cgroup is a cgroup path, unique to it, below which its containers lie. It is removed at the end.
	Cgroup string

	dir    string
	args   []string
	env    []string
	apart  bool // in namespaces of its own
	cmd    *exec.Cmd
	exited chan struct{}
	http   *http.Client
}

// StartDocker starts a dockerd without a network and ends it, with all that it has made, when the test ends.
func StartDocker(tb testing.TB) *Docker {
	tb.Helper()
	d := newDocker(tb, "dockerd")
	d.args = d.dockerd()
	d.run(tb)
	return d
}

// dockerd is its command. Without a containerd of the machine's it runs one of its own.
func (d *Docker) dockerd() []string {
	return []string{
		"dockerd", "--data-root", d.path("root"), "--exec-root", d.path("exec"), "--pidfile", d.path("pid"), "--host", "unix://" + d.Socket,
		"--bridge", "none", "--iptables=false", "--ip6tables=false", "--cgroup-parent", d.Cgroup, "--exec-opt", "native.cgroupdriver=cgroupfs",
		"--shutdown-timeout", "2",
	}
}

// StartDockerHost is StartDocker as on a host of its own, as far as its containers see: dockerd is the first process, and listens at
// /run/docker.sock there, too. The pids that it tells are that host's.
func StartDockerHost(tb testing.TB) *Docker {
	tb.Helper()
	d := newDocker(tb, "dockerd")
	d.apart = true
	d.args = append(d.dockerd(), append(runcWithinArgs(tb), "--host", "unix:///run/docker.sock")...)
	d.run(tb)
	return d
}

// StartPodman starts Podman's service and ends it, with all that it has made, when the test ends.
func StartPodman(tb testing.TB) *Docker {
	tb.Helper()
	d := newDocker(tb, "podman")
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		tb.Fatal(err)
	}
	// Its usual limits are higher than root may set everywhere.
	conf := fmt.Sprintf(
		"[containers]\ndefault_ulimits = [\"nofile=%d:%d\", \"nproc=1024:1024\"]\n",
		min(limit.Max, 1024),
		min(limit.Max, 1024),
	)
	if err := os.WriteFile(d.path("containers.conf"), []byte(conf), 0o600); err != nil {
		tb.Fatal(err)
	}
	d.env = append(os.Environ(), "CONTAINERS_CONF="+d.path("containers.conf"))
	d.args = []string{
		"podman", "--root", d.path("root"), "--runroot", d.path("run"), "--tmpdir", d.path("tmp"), "--cgroup-manager", "cgroupfs",
		"--events-backend", "file",
		"--storage-driver", "overlay", "--runtime", "runc", "system", "service", "--time", "0", "unix://" + d.Socket,
	}
	d.run(tb)
	return d
}

func newDocker(tb testing.TB, program string) *Docker {
	tb.Helper()
	if os.Getuid() != 0 {
		tb.Skip("containers need root: run the tests as root")
	}
	for _, name := range []string{program, "runc", "/bin/busybox"} {
		if _, err := exec.LookPath(name); err != nil {
			tb.Fatalf("find %s: %v; run make install, it installs what the tests need", name, err)
		}
	}
	dir, err := os.MkdirTemp("/tmp", program+"-")
	if err != nil {
		tb.Fatal(err)
	}
	d := &Docker{dir: dir, Socket: filepath.Join(dir, "d.sock"), Cgroup: "/" + filepath.Base(dir)}
	d.http = &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", d.Socket)
		}},
	}
	tb.Cleanup(func() { d.cleanup(tb) })
	return d
}

func (d *Docker) path(name string) string { return filepath.Join(d.dir, name) }

// run starts the daemon and waits until it answers.
func (d *Docker) run(tb testing.TB) {
	tb.Helper()
	log, err := os.OpenFile(d.path("log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(d.args[0], d.args[1:]...)
	if d.apart {
		const mounts = `mount --make-rprivate / && mount -t proc proc /proc && mount -t tmpfs run /run && exec "$@"`
		cmd = exec.Command("sh", append([]string{"-c", mounts, "sh"}, d.args...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	}
	cmd.Stdout, cmd.Stderr, cmd.Env = log, log, d.env
	if err := cmd.Start(); err != nil {
		tb.Fatalf("start %s: %v", d.args[0], err)
	}
	exited := make(chan struct{})
	d.cmd, d.exited = cmd, exited
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	deadline := time.Now().Add(startTimeout)
	for d.ask(http.MethodGet, "/version", nil, nil) != nil {
		select {
		case <-exited:
			tb.Fatalf("start %s: it ended at once\n%s", d.args[0], d.log())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			tb.Fatalf("start %s: it does not answer\n%s", d.args[0], d.log())
		}
	}
}

func (d *Docker) log() string {
	text, _ := os.ReadFile(d.path("log"))
	return string(text)
}

// Start runs the daemon again after Stop.
func (d *Docker) Start(tb testing.TB) {
	tb.Helper()
	d.run(tb)
}

// Stop ends the daemon.
func (d *Docker) Stop(tb testing.TB) {
	tb.Helper()
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.exited:
	case <-time.After(startTimeout):
		_ = d.cmd.Process.Kill()
		tb.Errorf("end %s: it does not end\n%s", d.args[0], d.log())
	}
}

func (d *Docker) cleanup(tb testing.TB) {
	if d.cmd != nil {
		select {
		case <-d.exited:
		default:
			var all []struct{ ID string }
			_ = d.ask(http.MethodGet, "/containers/json?all=1", nil, &all)
			for _, x := range all {
				_ = d.ask(http.MethodDelete, "/containers/"+x.ID+"?force=1", nil, nil)
			}
			d.Stop(tb)
		}
	}
	KillCgroup(d.Cgroup)
	err := errors.Join(unmountBelow(d.dir), RemoveCgroups(d.Cgroup))
	if err = errors.Join(err, os.RemoveAll(d.dir)); err != nil {
		tb.Errorf("clean up %s: %v", d.args[0], err)
	}
}

// ask makes a request; body and answer may be nil, a reader is sent as it is.
func (d *Docker) ask(method, path string, body, answer any) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	var content io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case io.Reader:
		content, kind = b, "application/x-tar"
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://d"+path, content)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", kind)
	response, err := d.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 400 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, text)
	}
	if err == nil && answer != nil {
		err = json.Unmarshal(text, answer)
	}
	return err
}

// ImportBusybox makes an image as [Containerd.ImportBusybox] does.
func (d *Docker) ImportBusybox(tb testing.TB, ref string) {
	tb.Helper()
	archive, err := busyboxArchive(ref, nil, nil)
	if err == nil {
		err = d.ask(http.MethodPost, "/images/load?quiet=1", bytes.NewReader(archive), nil)
	}
	if err != nil {
		tb.Fatalf("import image %s: %v\n%s", ref, err, d.log())
	}
}

// Create makes a container from the body of Docker's ContainerCreate, in the host's network, and returns its id.
func (d *Docker) Create(tb testing.TB, name string, config, host map[string]any) (id string) {
	tb.Helper()
	id, err := d.create(name, config, host)
	if err != nil {
		tb.Fatalf("create container %s: %v\n%s", name, err, d.log())
	}
	return id
}

func (d *Docker) create(name string, config, host map[string]any) (id string, err error) {
	settings := map[string]any{"NetworkMode": "host", "CgroupParent": d.Cgroup}
	for k, v := range host {
		settings[k] = v
	}
	body := map[string]any{"HostConfig": settings}
	for k, v := range config {
		body[k] = v
	}
	var made struct{ ID string }
	err = d.ask(http.MethodPost, "/containers/create?name="+url.QueryEscape(name), body, &made)
	return made.ID, err
}

// TryRun creates a container as [Docker.Create] does, starts it, waits for its end and removes it. Any goroutine may call it.
func (d *Docker) TryRun(name string, config map[string]any) error {
	id, err := d.create(name, config, nil)
	for _, question := range []struct{ method, path string }{
		{http.MethodPost, "/start"}, {http.MethodPost, "/wait"}, {http.MethodDelete, "?force=1"},
	} {
		if err == nil {
			err = d.ask(question.method, "/containers/"+id+question.path, nil, nil)
		}
	}
	if err != nil {
		return fmt.Errorf("run container %s: %w", name, err)
	}
	return nil
}

// StartContainer starts it and returns the pid of its first process.
func (d *Docker) StartContainer(tb testing.TB, id string) (pid int) {
	tb.Helper()
	var state struct{ State struct{ Pid int } }
	err := d.ask(http.MethodPost, "/containers/"+id+"/start", nil, nil)
	if err == nil {
		err = d.ask(http.MethodGet, "/containers/"+id+"/json", nil, &state)
	}
	if err != nil {
		tb.Fatalf("start container %s: %v\n%s", id, err, d.log())
	}
	return state.State.Pid
}

// Remove kills and deletes a container.
func (d *Docker) Remove(tb testing.TB, id string) {
	tb.Helper()
	if err := d.ask(http.MethodDelete, "/containers/"+id+"?force=1", nil, nil); err != nil {
		tb.Fatalf("remove container %s: %v\n%s", id, err, d.log())
	}
}
