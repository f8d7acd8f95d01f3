package cluster

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/test/cluster/node"
)

const staticPod = `
apiVersion: v1
kind: Pod
metadata: {name: fixed, namespace: billing, labels: {app: fixed}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: "registry.example.org/team/billing:1.4"}]
`

// testStatic: a static pod is known by the uid that the runtime has for it, which is not the API server's.
func (c *cluster) testStatic(t *testing.T) {
	file := filepath.Join(node.StaticPods(), "fixed.yaml")
	if err := os.WriteFile(file, []byte(staticPod), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	})
	w := c.watch(t, node.Name)
	const name = "fixed-" + node.Name
	uid := ""
	c.waitFor(t, "the runtime has the pod", func() (bool, string) {
		out, _ := exec.Command("ctr", "-n", "k8s.io", "containers", "ls", "-q", "labels.io.kubernetes.pod.name=="+name).CombinedOutput()
		id, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		text, err := exec.Command("ctr", "-n", "k8s.io", "containers", "info", id).CombinedOutput()
		var info struct{ Labels map[string]string }
		if err == nil {
			err = json.Unmarshal(text, &info)
		}
		uid = info.Labels["io.kubernetes.pod.uid"]
		return err == nil && uid != "", string(out) + string(text)
	})
	c.waitFor(t, "the watch has it by that uid", func() (bool, string) {
		meta := w.Lookup(uid)
		return meta != nil && meta.Name == name && meta.Labels["app"] == "fixed" && meta.UID == uid, uid
	})
	if api := c.kubectl(t, "", "-n", "billing", "get", "pod", name, "-o", "jsonpath={.metadata.uid}"); api == uid {
		t.Errorf("the API server has the same uid %s: nothing was shown", uid)
	}
}
