package cluster

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/saker-sensor/saker/internal/testutil"
)

const (
	shellRule = "Terminal shell in container"
	writeRule = "Write below /etc in product namespace"
)

// testManifest: deploy/daemonset.yaml as it is, with the rules of docs/kubernetes.md in its config map.
func (c *cluster) testManifest(t *testing.T) {
	manifest := filepath.Join(testutil.Root(t), "deploy/daemonset.yaml")
	t.Cleanup(func() { c.kubectl(t, "", "delete", "-f", manifest, "--wait", "--timeout=120s") })
	c.kubectl(t, "", "apply", "--validate=strict", "-f", manifest)
	c.kubectl(t, "", "-n", "saker", "rollout", "status", "daemonset/saker", "--timeout=120s")
	c.waitLog(t, "connected")

	// A config map that changes is taken without a restart.
	c.kubectl(t, documented(t, "name: saker-rules"), "apply", "--validate=strict", "-f", "-")
	c.waitLog(t, "reloaded")
	for _, overlay := range []string{"base", "overlays/privileged"} {
		c.kubectl(t, "", "apply", "--validate=strict", "--dry-run=server", "-k", filepath.Join(testutil.Root(t), "deploy/kustomize", overlay))
	}
	t.Run("rules", c.testRules)
	t.Run("privileges", c.testPrivileges)
	t.Run("faults", c.testFaults)
	t.Run("update", c.testUpdate)
	if *runtimeName == first {
		t.Run("update without surge", c.testUnavailable)
		t.Run("capabilities", c.testCapabilities)
	}
}

// testRules: the two rules of the practical guide fire on real pods, and say whose they are.
func (c *cluster) testRules(t *testing.T) {
	for _, name := range append(products, other) {
		c.shell(t, name, "echo "+t.Name()+" >/etc/motd")
	}
	for _, name := range append(products, other) {
		command := fmt.Sprintf("sh -c echo %s >/etc/motd", t.Name())
		mine := func(a alert) bool { return a.field("k8s.ns.name") == name }
		a := c.waitAlert(t, "a shell in "+name+" is told", func(a alert) bool {
			return mine(a) && a.Rule == shellRule && a.field("proc.cmdline") == command
		})
		c.check(t, a, map[string]string{
			"k8s.pod.name": name, "k8s.ns.name": name, "container.name": "app", "container.image.repository": image(name), "user.name": "root",
		})
		if name == other {
			continue
		}
		a = c.waitAlert(t, "a write in "+name+" is told", func(a alert) bool {
			return mine(a) && a.Rule == writeRule && a.field("proc.cmdline") == command
		})
		c.check(t, a, map[string]string{"k8s.pod.name": name, "container.name": "app", "fd.name": "/etc/motd"})
	}
	alerts, _ := c.log(t, sensors...)
	for _, a := range alerts {
		if a.Rule == writeRule && a.field("k8s.ns.name") == other {
			t.Errorf("the rule about product namespaces tells of another one: %v", a)
		}
	}
}

func (c *cluster) check(t *testing.T, a alert, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got := a.field(name); got != value {
			t.Errorf("%s: %s is %q, want %q", a.Rule, name, got, value)
		}
	}
}
