package guard

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/testutil"
)

// TestKubeletAway: a kubelet that is not there, or not known, costs names of pods and no event. Log, health, metrics and doctor tell of it.
func TestKubeletAway(t *testing.T) {
	dir := t.TempDir()
	file, account := filepath.Join(dir, "watched"), "/var/run/secrets/kubernetes.io/serviceaccount/"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("https://%s", l.Addr())
	l.Close()
	for _, c := range []struct {
		settings []string
		want     string
	}{
		{nil, "the kubelet's address is not known; set kubernetes.kubelet.address, or FALCO_HOST_IP from the field status.hostIP"},
		{[]string{"-o", "kubernetes.kubelet.address=" + address}, account}, // the test runs in no pod
	} {
		settings := append([]string{"-o", "kubernetes.source=kubelet"}, c.settings...)
		s := serve(t, rules(file), settings...)
		s.WaitLog(`kubelet	{"state": "not configured", "error": "`)
		read(t, file)
		s.Next("the open", func(a *testutil.Alert) bool { return a.Rule == "Watched file" })
		if _, health := s.get("/healthz"); !strings.Contains(health, `"status":"ok"`) || !strings.Contains(health, "kubelet: not configured: ") ||
			!strings.Contains(health, strings.Split(c.want, ";")[0]) {
			t.Errorf("health: %s", health)
		}
		if _, metrics := s.get("/metrics"); !strings.Contains(metrics, "saker_kubernetes_connected 0") {
			t.Error("the metrics do not tell")
		}
		s.Stop()
		if !strings.Contains(s.Log(), c.want) {
			t.Errorf("the log does not say %q:\n%s", c.want, s.Log())
		}
		doctor, err := exec.Command(sensorBinary, append([]string{"doctor"}, settings...)...).CombinedOutput()
		if want := "absent   kubelet: "; err != nil || !strings.Contains(string(doctor), want) ||
			!strings.Contains(string(doctor), strings.Split(c.want, ";")[0]) {
			t.Errorf("the doctor does not say %q: %v\n%s", want, err, doctor)
		}
	}
}
