package guard

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/testutil"
)

// kubeconfig leads to a server whose certificate it does not have; the sensor need not get as far.
const kubeconfig = `{apiVersion: v1, kind: Config, current-context: x, clusters: [{name: c, cluster: {server: "SERVER"}}],
  users: [{name: u, user: {token: t}}], contexts: [{name: x, context: {cluster: c, user: u}}]}`

// TestDegraded: a runtime's socket that answers garbage and an API server that is not there cost names, no events. Log, health,
// metrics and doctor tell of each, the log once; what comes later is taken.
func TestDegraded(t *testing.T) {
	dir := t.TempDir()
	file, config, socket := filepath.Join(dir, "watched"), filepath.Join(dir, "kubeconfig"), filepath.Join(dir, "docker.sock")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	testutil.ServeUnix(t, socket, func(c net.Conn) {
		_, _ = c.Write([]byte("\x00\xffgarbage\r\n\r\n"))
		c.Close()
	})
	settings := []string{
		"-o",
		"kubernetes.source=api",
		"-o",
		"kubernetes.kubeconfig=" + config,
		"-o",
		"kubernetes.node=n",
		"-o",
		"container_engines.docker.sockets[0]=" + socket,
		"-o",
		"container_engines.podman.enabled=false",
		"-o",
		"container_engines.cri.enabled=false",
		"-o",
		"container_engines.containerd.enabled=false",
	}
	s := serve(t, rules(file), settings...)
	s.WaitLog(`"state": "not configured"`)
	s.WaitLog(`"state": "absent", "error": "connect to docker`)
	read(t, file)
	s.Next("the open", func(a *testutil.Alert) bool { return a.Rule == "Watched file" })

	type health struct {
		Status   string
		Degraded []string
	}
	waitHealth := func(want ...string) {
		t.Helper()
		var h health
		for end := time.Now().Add(deadline); ; time.Sleep(20 * time.Millisecond) {
			h = health{}
			code, text := s.get("/healthz")
			if err := json.Unmarshal([]byte(text), &h); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			all := strings.Join(h.Degraded, "\n")
			found := code == http.StatusOK && h.Status == "ok" && len(h.Degraded) == len(want)
			for _, w := range want {
				found = found && strings.Contains(all, w)
			}
			if found {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("health is %+v, want %q", h, want)
			}
		}
	}
	waitHealth("docker at "+socket+": absent: connect to docker", "API server: not configured: ")
	_, metrics := s.get("/metrics")
	for _, want := range []string{`saker_kubernetes_connected 0`, `socket="` + socket + `"`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	doctor, err := exec.Command(sensorBinary, append([]string{"doctor"}, settings...)...).CombinedOutput()
	if err != nil {
		t.Errorf("the doctor: %v", err)
	}
	for _, want := range []string{"absent   docker: " + socket + ": connect to docker", "absent   API server: ",
		"remedy: correct the file that kubernetes.kubeconfig names"} {
		if !strings.Contains(string(doctor), want) {
			t.Errorf("the doctor does not say %q:\n%s", want, doctor)
		}
	}

	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	if err := os.WriteFile(config, []byte(strings.Replace(kubeconfig, "SERVER", server.URL, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	waitHealth("docker at "+socket, "API server: unreachable: ask the API server for pods: tls: failed to verify certificate")
	s.WaitLog(`"state": "unreachable"`)
	s.Stop()
	for _, line := range []string{`"state": "not configured"`, `"state": "unreachable"`, `"error": "connect to docker`} {
		if n := strings.Count(s.Log(), line); n != 1 {
			t.Errorf("the log tells %d times of %s", n, line)
		}
	}
}
