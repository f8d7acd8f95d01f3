package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/testutil"
)

// serving makes a socket that handles each connection, until the test's end.
func serving(mode os.FileMode, handle func(net.Conn)) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		t.Helper()
		testutil.ServeUnix(t, path, handle)
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
}

func hang(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// refuses is what a server leaves that was killed.
func refuses(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

func file(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("no socket"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func folder(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

// brokenSockets are by their fault, with what the log and the doctor have to say of each.
var brokenSockets = map[string]struct {
	make   func(t *testing.T, path string)
	reason string
}{
	"garbage": {serving(0o600, func(c net.Conn) {
		_, _ = io.WriteString(c, strings.Repeat("\x00\xff<html>\r\n\r\n", 1000))
		c.Close()
	}), "it answers something else"},
	"closes":    {serving(0o600, func(c net.Conn) { c.Close() }), "it answers something else"},
	"hangs":     {serving(0o600, hang), "it does not answer within 5s"},
	"forbidden": {serving(0, hang), "permission denied"},
	"refuses":   {refuses, "connection refused"},
	"file":      {file, "is a file, not a socket"},
	"folder":    {folder, "is a folder, not a socket"},
}

// brokenPlace is where a sensor looks for a runtime.
type brokenPlace struct{ kind, fault, socket string }

// TestBrokenRuntimes: whatever stands where runtimes should listen, there is one warning of each, health, metrics and doctor show it, and
// an alert says why its container has no name. Once a real runtime is in its place, the sensor connects to it by itself.
func TestBrokenRuntimes(t *testing.T) {
	l := &lab{Containerd: testutil.StartContainerdCRI(t), image: "registry.example.org/team/shop:1.4"}
	l.ImportBusybox(t, "k8s.io", l.image)
	docker, podman := testutil.StartDocker(t), testutil.StartPodman(t)
	sockets := map[string]string{"containerd": l.Socket, "cri": l.Socket, "docker": docker.Socket, "podman": podman.Socket}
	var places []brokenPlace
	var args []string
	dir := t.TempDir()
	for kind := range sockets {
		n := 0
		for fault, broken := range brokenSockets {
			p := brokenPlace{kind, fault, filepath.Join(dir, kind[:2]+"-"+fault)}
			broken.make(t, p.socket)
			places = append(places, p)
			args = append(args, "-o", fmt.Sprintf("container_engines.%s.sockets[%d]=%s", kind, n, p.socket))
			n++
		}
	}
	binary := testutil.BuildReleased(t) // which drops privileges: root that has them all is forbidden nothing

	report, err := exec.Command(binary, append([]string{"doctor"}, args...)...).CombinedOutput()
	if err != nil {
		t.Errorf("the doctor: %v\n%s", err, report)
	}
	s := testutil.StartSensor(t, binary, append(args, "-r", testutil.RulesFile(t, firstRule),
		"-o", "webserver.listen_address=127.0.0.1", "-o", "webserver.listen_port=0", "-o", "metrics.enabled=true", "-o",
		"webserver.prometheus_metrics_enabled=true")...)
	for _, p := range places {
		s.WaitLog(p.warning())
		lines := regexp.MustCompile(`(?m)^absent   `+p.kind+`: `+p.socket+`: connect to [^\n]*`+brokenSockets[p.fault].reason+
			`.*\n +remedy: .+$`).FindAllString(string(report), -1)
		if len(lines) != 1 {
			t.Errorf("of %s, %s, the doctor says %q", p.kind, p.fault, lines)
		}
	}

	kubelets := l.firstSpec(firstWord + "1")
	kubelets.CgroupsPath = l.Cgroup + "/kubepods/pod11111111-2222-3333-4444-555555555555/" + kubelets.ID
	if !l.TryRun(kubelets) {
		t.Fatal("the container did not start")
	}
	a := s.Next("an alert", func(a *alert) bool { return a.Rule == "First command" })
	if id := kubelets.ID[:12]; a.Field("container.id") != id || a.Field("container.missing") != "no runtime" {
		t.Errorf("the alert says %v", a.OutputFields)
	}
	address := webAddress(t, s)
	for _, p := range places {
		waitBody(t, "http://"+address+"/metrics", fmt.Sprintf("saker_runtime_connected{kind=%q,socket=%q} 0\n", p.kind, p.socket))
	}

	health := get(t, "http://"+address+"/healthz")
	for _, p := range places {
		if !strings.Contains(health, p.socket) {
			t.Errorf("health does not name %s: %s", p.socket, health)
		}
	}

	for _, p := range places {
		if err := os.RemoveAll(p.socket); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(sockets[p.kind], p.socket); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range places {
		waitBody(t, "http://"+address+"/metrics", fmt.Sprintf("saker_runtime_connected{kind=%q,socket=%q} 1\n", p.kind, p.socket))
		if n := strings.Count(s.Log(), p.warning()); n != 1 {
			t.Errorf("%d warnings of %s, %s", n, p.kind, p.fault)
		}
	}
	if health := get(t, "http://"+address+"/healthz"); strings.Contains(health, "degraded") {
		t.Errorf("all runtimes answer: %s", health)
	}
	if !l.TryRun(l.firstSpec(firstWord + "2")) {
		t.Fatal("the container did not start")
	}
	a = s.Next("an alert", func(a *alert) bool { return strings.Contains(a.Field("proc.args"), firstWord+"2") })
	if a.Field("container.name") != "c-"+firstWord+"2" || a.OutputFields["container.missing"] != nil {
		t.Errorf("the alert says %v", a.OutputFields)
	}
	for kind, d := range map[string]*testutil.Docker{"docker": docker, "podman": podman} {
		d.ImportBusybox(t, l.image)
		d.StartContainer(t, d.Create(t, "c-"+firstWord+kind,
			map[string]any{"Image": l.image, "Cmd": []string{"/bin/sh", "-c", ": " + firstWord + kind}}, nil))
		a = s.Next("an alert", func(a *alert) bool { return strings.Contains(a.Field("proc.args"), firstWord+kind) })
		if a.Field("container.name") != "c-"+firstWord+kind {
			t.Errorf("the alert says %v", a.OutputFields)
		}
	}
	s.Stop()
}

// warning is how the log's line of it begins, and what it says.
func (p brokenPlace) warning() string {
	return fmt.Sprintf(`WARN	container runtime	{"kind": %q, "socket": %q, "state": "absent", "error": "connect to %s: `, p.kind, p.socket,
		p.kind)
}

// webAddress is where the sensor's web server listens.
func webAddress(t *testing.T, s *testutil.Sensor) string {
	t.Helper()
	const before = `web server listens	{"address": "`
	s.WaitLog(before)
	_, rest, _ := strings.Cut(s.Log(), before)
	address, _, _ := strings.Cut(rest, `"`)
	return address
}

// waitBody asks until the answer holds a text.
func waitBody(t *testing.T, url, text string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		body := get(t, url)
		if strings.Contains(body, text) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s lacks %s:\n%s", url, text, body)
		}
	}
}

// get returns the answer of a page that works.
func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v\n%s", url, response.Status, err, body)
	}
	return string(body)
}
