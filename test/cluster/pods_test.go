package cluster

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/saker-sensor/saker/internal/pods"
	"github.com/saker-sensor/saker/test/cluster/node"
)

const (
	// crowd is a node that is an object only, with so many pods.
	crowd     = "crowd0"
	crowdPods = 250
)

// testPods: the watch of a node's pods against the API server: what it costs, that it follows changes, that the API server may be killed,
// and what many such watches cost it.
func (c *cluster) testPods(t *testing.T) {
	c.makeCrowd(t)
	w := c.watch(t, crowd)
	begin := time.Now()
	c.waitWatch(t, w, true)
	first := w.Counters()
	t.Logf("%d pods are known after %.2f s: %d requests, %d bytes received, %d sent; "+
		"with all of their metadata, status and specification they are %d bytes of JSON",
		first.Pods, time.Since(begin).Seconds(), first.Requests, first.Received, first.Sent,
		c.sizeOf(t, "/api/v1/pods?fieldSelector=spec.nodeName="+crowd))
	if first.Pods != crowdPods || first.Failures != 0 || first.Refused != 0 || first.Cut != 0 {
		t.Errorf("counters %+v", first)
	}

	uid := c.kubectl(t, "", "-n", "crowd", "get", "pod", "p7", "-o", "jsonpath={.metadata.uid}")
	if m := w.Lookup(uid); m == nil || m.Name != "p7" || m.Namespace != "crowd" || m.Labels["app"] != "shop" ||
		m.Owner.Kind != "ReplicaSet" || m.Deployment != "shop" {
		t.Errorf("p7 is %+v", m)
	}
	c.changeLabel(t, w, uid, "one")
	change := w.Counters()
	t.Logf("a change of a pod: %d requests, %d bytes received", change.Requests-first.Requests, change.Received-first.Received)

	c.Kill(node.APIServer)
	c.waitWatch(t, w, false)
	if w.Lookup(uid) == nil {
		t.Error("while the API server is away the pods are forgotten")
	}
	if err := c.Run(node.APIServer); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitAPIServer(); err != nil {
		t.Fatal(err)
	}
	c.waitWatch(t, w, true)
	c.changeLabel(t, w, uid, "two")
	again := w.Counters()
	t.Logf("the API server was killed and came back: %d requests, %d failures, %d bytes received", again.Requests-change.Requests,
		again.Failures, again.Received-change.Received)
	c.refused(t)
	t.Run("static", c.testStatic)
	t.Run("related", c.testRelated)
	c.manyWatches(t)
}

// refused: without a role the watch says so, and what the sensor asks for stays nil.
func (c *cluster) refused(t *testing.T) {
	t.Helper()
	w := pods.New(pods.Settings{Node: crowd, API: &rest.Config{Host: c.API().Host,
		TLSClientConfig: rest.TLSClientConfig{CAFile: c.API().CAFile}}})
	w.Start(t.Context())
	defer w.Close()
	c.waitFor(t, "the watch is refused", func() (bool, string) {
		s := w.Status()
		return s.State == pods.Refused && strings.Contains(s.Err.Error(), "forbidden"), fmt.Sprintf("%+v", s)
	})
	for node, want := range map[string]pods.State{"nobody": pods.Empty, crowd: pods.Connected} {
		if _, s := pods.Ask(t.Context(), pods.Settings{Node: node, Kubeconfig: c.Kubeconfig()}); s.State != want {
			t.Errorf("asked for the pods of %s: %+v", node, s)
		}
	}
}

// makeCrowd makes the objects; no kubelet runs the pods.
func (c *cluster) makeCrowd(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		c.kubectl(t, "", "delete", "node", crowd)
		c.kubectl(t, "", "delete", "namespace", "crowd", "--wait=false")
	})
	c.kubectl(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: crowd}\n---\napiVersion: v1\nkind: Node\nmetadata: {name: "+crowd+"}\n",
		"apply", "-f", "-")
	c.waitFor(t, "the namespace has its service account", func() (bool, string) {
		out, err := c.Kubectl("", "-n", "crowd", "get", "serviceaccount", "default")
		return err == nil, out
	})
	var list strings.Builder
	for i := range crowdPods {
		fmt.Fprintf(&list, crowdPod, i, strings.Repeat("x", 1000), crowd)
	}
	c.kubectl(t, list.String(), "create", "-f", "-")
}

// crowdPod has labels, annotations and an owner as pods of a Deployment have them.
const crowdPod = `---
apiVersion: v1
kind: Pod
metadata:
  name: p%[1]d
  namespace: crowd
  labels: {app: shop, app.kubernetes.io/name: shop, app.kubernetes.io/instance: shop,
    tier: backend, team: checkout, pod-template-hash: 7d4b}
  annotations: {note: %[2]s}
  ownerReferences:
  - {apiVersion: apps/v1, kind: ReplicaSet, name: shop-7d4b, uid: 11111111-2222-3333-4444-555555555555, controller: true}
spec:
  nodeName: %[3]s
  automountServiceAccountToken: false
  containers:
  - name: app
    image: registry.example.org/team/checkout:1.4
    env: [{name: A, value: a}, {name: B, value: b}, {name: C, value: c}]
`

// watch starts one of a node's pods.
func (c *cluster) watch(t *testing.T, name string) *pods.Watcher {
	t.Helper()
	w := pods.New(pods.Settings{Node: name, API: c.API()})
	w.Start(t.Context())
	t.Cleanup(func() { w.Close() })
	return w
}

func (c *cluster) waitWatch(t *testing.T, w *pods.Watcher, connected bool) {
	t.Helper()
	c.waitFor(t, fmt.Sprintf("the watch is connected: %v", connected), func() (bool, string) {
		s := w.Status()
		return (s.State == pods.Connected || s.State == pods.Empty) == connected, fmt.Sprintf("%+v", s)
	})
}

// changeLabel waits until a label's change is known.
func (c *cluster) changeLabel(t *testing.T, w *pods.Watcher, uid, value string) {
	t.Helper()
	c.kubectl(t, "", "-n", "crowd", "label", "--overwrite", "pod", "p7", "round="+value)
	c.waitFor(t, "the label is known", func() (bool, string) {
		m := w.Lookup(uid)
		return m != nil && m.Labels["round"] == value, fmt.Sprintf("%+v", m)
	})
}

// sizeOf is the length of an answer of the API server's.
func (c *cluster) sizeOf(t *testing.T, path string) int {
	t.Helper()
	out := c.kubectl(t, "", "get", "--raw", path)
	if !json.Valid([]byte(out)) {
		t.Fatalf("GET %s: %.200s", path, out)
	}
	return len(out)
}
