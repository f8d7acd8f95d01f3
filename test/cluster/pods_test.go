package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/saker-sensor/saker/internal/pods"
	"github.com/saker-sensor/saker/test/cluster/node"
)

const (
	// crowd is a node that is an object only, with so many pods.
	crowd     = "crowd0"
	crowdPods = 250
	// watchers stand for so many other nodes.
	watchers = 1000
)

// testPods: the watch of a node's pods against the API server: what it costs, that it follows changes, that the API server may be killed,
// and what many such watches cost it.
func (c *cluster) testPods(t *testing.T) {
	c.makeCrowd(t)
	w := c.watch(t, crowd)
	begin := time.Now()
	c.waitWatch(t, w, true)
	first := w.Counters()
	t.Logf("%d pods are known after %.2f s: %d requests, %d bytes received, %d sent; with all of their metadata, status and specification they are %d bytes of JSON",
		first.Pods, time.Since(begin).Seconds(), first.Requests, first.Received, first.Sent, c.sizeOf(t, "/api/v1/pods?fieldSelector=spec.nodeName="+crowd))
	if first.Pods != crowdPods || first.Failures != 0 || first.Refused != 0 || first.Cut != 0 {
		t.Errorf("counters %+v", first)
	}

	uid := c.kubectl(t, "", "-n", "crowd", "get", "pod", "p7", "-o", "jsonpath={.metadata.uid}")
	if m := w.Lookup(uid); m == nil || m.Name != "p7" || m.Namespace != "crowd" || m.Labels["app"] != "shop" || m.Owner.Kind != "ReplicaSet" || m.Deployment != "shop" {
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
	t.Logf("the API server was killed and came back: %d requests, %d failures, %d bytes received", again.Requests-change.Requests, again.Failures, again.Received-change.Received)
	c.refused(t)
	t.Run("kin", c.testKin)
	c.manyWatches(t)
}

// refused: without a role the watch says so, and what the sensor asks for stays nil.
func (c *cluster) refused(t *testing.T) {
	t.Helper()
	w := pods.New(pods.Settings{Node: crowd, API: &rest.Config{Host: c.API().Host, TLSClientConfig: rest.TLSClientConfig{CAFile: c.API().CAFile}}})
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

// manyWatches says what the API server needs for the watches of so many nodes, beside fewer that are not narrowed to a node.
func (c *cluster) manyWatches(t *testing.T) {
	server := c.Pid(node.APIServer)
	alone := c.changePods(t, server, "alone")
	cpu, rss := usage(t, server)
	var all []*pods.Watcher
	for i := range watchers {
		all = append(all, c.watch(t, fmt.Sprintf("far%d", i)))
	}
	for _, w := range all {
		c.waitWatch(t, w, true)
	}
	cpuThen, rssThen := usage(t, server)
	narrowed := c.changePods(t, server, "narrowed")
	received := uint64(0)
	for _, w := range all {
		received += w.Counters().Received
		w.Close()
	}
	stop := c.watchAll(t, unnarrowed)
	wide := c.changePods(t, server, "wide")
	stop()
	t.Logf("%d watches of other nodes: the API server took %.2f s of processor time to begin them, and %d MB; each received %d bytes",
		watchers, (cpuThen - cpu).Seconds(), (rssThen-rss)>>20, received/watchers)
	t.Logf("%d changes of pods take it %.2f s of processor time; %.2f s with these watches; %.2f s with %d that are not narrowed to a node",
		rounds*crowdPods, alone.Seconds(), narrowed.Seconds(), wide.Seconds(), unnarrowed)
}

const (
	rounds     = 4   // of changes of all pods
	unnarrowed = 100 // watches of all pods
)

// changePods changes each pod a few times and tells the processor time that this takes the API server.
func (c *cluster) changePods(t *testing.T, server int, name string) time.Duration {
	t.Helper()
	before, _ := usage(t, server)
	for i := range rounds {
		c.kubectl(t, "", "-n", "crowd", "label", "--overwrite", "pods", "--all", fmt.Sprintf("round=%s-%d", name, i))
	}
	after, _ := usage(t, server)
	return after - before
}

// watchAll begins watches of the metadata of every node's pods, each with a connection of its own, and reads them until stop.
func (c *cluster) watchAll(t *testing.T, n int) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	for range n {
		api := c.API()
		api.Dial = (&net.Dialer{}).DialContext // which keeps it from sharing
		client, err := metadata.NewForConfig(api)
		if err != nil {
			t.Fatal(err)
		}
		w, err := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Watch(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		done.Go(func() {
			for range w.ResultChan() {
			}
		})
	}
	return func() {
		cancel()
		done.Wait()
	}
}

// makeCrowd makes the objects; no kubelet runs the pods.
func (c *cluster) makeCrowd(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		c.kubectl(t, "", "delete", "node", crowd)
		c.kubectl(t, "", "delete", "namespace", "crowd", "--wait=false")
	})
	c.kubectl(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: crowd}\n---\napiVersion: v1\nkind: Node\nmetadata: {name: "+crowd+"}\n", "apply", "-f", "-")
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
  labels: {app: shop, app.kubernetes.io/name: shop, app.kubernetes.io/instance: shop, tier: backend, team: checkout, pod-template-hash: 7d4b}
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

// usage is a process's processor time, and its resident memory in bytes (proc_pid_stat(5); 100 ticks are a second).
func usage(t *testing.T, pid int) (cpu time.Duration, rss int64) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	number := func(i int) int64 {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return time.Duration(number(11)+number(12)) * 10 * time.Millisecond, number(21) * int64(os.Getpagesize())
}
