package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/testutil"
	"github.com/saker-sensor/saker/test/cluster/node"
)

// deadline bounds each wait for what the cluster is about to do.
const deadline = 2 * time.Minute

// products are the namespaces of the practical guide; each has a pod of the same name. other is one that its second rule is not about.
var products = []string{"billing", "identity", "checkout"}

const other = "other"

// cluster is the node with the product's pods.
type cluster struct{ *node.Node }

// start makes the images, the cluster and the product's pods.
func start(t *testing.T, runtime node.Runtime) *cluster {
	t.Helper()
	images(t)
	begin := time.Now()
	n, err := node.Start(node.Settings{Bin: *bin, Runtime: runtime})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the node is ready after %.1f s", time.Since(begin).Seconds())
	c := &cluster{n}
	version := c.kubectl(t, "", "get", "node", node.Name, "-o", "jsonpath={.status.nodeInfo.containerRuntimeVersion}")
	t.Logf("the kubelet says that the runtime is %s", version)
	if want := strings.Replace(*runtimeName, "-", "://", 1); !strings.HasPrefix(strings.Replace(version, "://v", "://", 1), want) {
		t.Errorf("the runtime is %s, want %s", version, want)
	}
	for _, name := range append(products, other) {
		c.kubectl(t, product(name), "apply", "--validate=strict", "-f", "-")
	}
	for _, name := range append(products, other) {
		c.kubectl(t, "", "-n", name, "wait", "--for=condition=Ready", "pod/"+name, "--timeout=120s")
	}
	return c
}

// images writes the archives that the node imports.
func images(t *testing.T) {
	t.Helper()
	pause, err := os.ReadFile(filepath.Join(*bin, "pause"))
	if err != nil {
		t.Fatalf("%v; run make test-cluster", err)
	}
	all := []node.Image{{Ref: "localhost/pause:1", Entrypoint: []string{"/pause"}, Files: map[string][]byte{"pause": pause}}}
	for _, name := range append(products, other) {
		// The label makes each an image of its own; of equal ones the runtime knows the first's name only.
		i, err := node.Busybox(image(name)+":1.4", map[string]string{"product": name})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, i)
	}
	hostile, err := hostileImage()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range append(all, hostile) {
		if err := i.Write(filepath.Join(*bin, strings.NewReplacer("/", "-", ":", "-").Replace(i.Ref)+".tar")); err != nil {
			t.Fatal(err)
		}
	}
}

func image(name string) string { return "registry.example.org/team/" + name }

// product is a namespace with a pod.
func product(name string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Namespace
metadata: {name: %[1]s}
---
apiVersion: v1
kind: Pod
metadata:
  name: %[1]s
  namespace: %[1]s
  labels: {app: %[1]s, tier: backend}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 1
  containers:
  - name: app
    image: %[2]s:1.4
`, name, image(name))
}

// kubectl fails the test where the command does.
func (c *cluster) kubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, err := c.Kubectl(stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// alert is a line of the sensor's standard output.
type alert struct {
	Rule   string         `json:"rule"`
	Time   string         `json:"time"`
	Output string         `json:"output"`
	Fields map[string]any `json:"output_fields"`
}

func (a alert) field(name string) string { return fmt.Sprint(a.Fields[name]) }

// log is what the sensor of a pod, or all pods of a label (-l LABEL), has written up to now: alerts, and the lines of its own log.
func (c *cluster) log(t *testing.T, what ...string) (alerts []alert, own string) {
	t.Helper()
	var rest strings.Builder
	// A pod that is being replaced may have no log; the caller waits.
	out, err := c.Kubectl("", append([]string{"-n", "saker", "logs", "--tail=-1", "--prefix=false"}, what...)...)
	if err != nil {
		t.Logf("read the sensor's log: %v", err)
	}
	for line := range strings.Lines(out) {
		var a alert
		if json.Unmarshal([]byte(line), &a) == nil && a.Rule != "" {
			alerts = append(alerts, a)
			continue
		}
		rest.WriteString(line)
	}
	return alerts, rest.String()
}

// sensors are the pods of deploy/daemonset.yaml and of the chart.
var sensors = []string{"-l", "app.kubernetes.io/name=saker"}

// waitAlert waits for an alert that the function accepts.
func (c *cluster) waitAlert(t *testing.T, what string, accept func(alert) bool) alert {
	t.Helper()
	var found alert
	c.waitFor(t, what, func() (bool, string) {
		alerts, own := c.log(t, sensors...)
		for _, a := range alerts {
			if accept(a) {
				found = a
				return true, ""
			}
		}
		return false, fmt.Sprintf("%d alerts: %v\n%s", len(alerts), alerts, own)
	})
	return found
}

// waitLog waits for a line of the sensor's own log.
func (c *cluster) waitLog(t *testing.T, text string) {
	t.Helper()
	c.waitFor(t, "the log says "+text, func() (bool, string) {
		_, own := c.log(t, sensors...)
		return strings.Contains(own, text), own
	})
}

// waitFor asks again and again; state is shown if the deadline passes.
func (c *cluster) waitFor(t *testing.T, what string, ask func() (done bool, state string)) {
	t.Helper()
	for end := time.Now().Add(deadline); ; time.Sleep(200 * time.Millisecond) {
		done, state := ask()
		if done {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("wait until %s: not within %s\n%s", what, deadline, state)
		}
	}
}

// shell runs a command by a shell in a product's pod, as people do.
func (c *cluster) shell(t *testing.T, name, script string) {
	t.Helper()
	t.Logf("%s a shell in %s: %s", time.Now().UTC().Format("15:04:05.000"), name, script)
	if out, err := c.Kubectl("", "-n", name, "exec", name, "--", "sh", "-c", script); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// documented is the block of docs/kubernetes.md that has the text.
func documented(t *testing.T, text string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(testutil.Root(t), "docs/kubernetes.md"))
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(page), "```") {
		_, block, _ = strings.Cut(block, "\n")
		if i%2 == 1 && strings.Contains(block, text) {
			return block
		}
	}
	t.Fatalf("docs/kubernetes.md has no block with %q", text)
	return ""
}
