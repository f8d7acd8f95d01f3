package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/pods"
	"github.com/saker-sensor/saker/test/cluster/node"
)

// testKubelet: the chart has the sensor ask the kubelet, which is killed; and what a question costs.
func (c *cluster) testKubelet(t *testing.T) {
	t.Run("sensor", c.testKubeletSensor)
	t.Run("cost", c.testKubeletCost)
}

// testKubeletSensor: an alert names the Deployment, and a label that was set a moment ago; a kubelet that was killed is asked again
// when it is back.
func (c *cluster) testKubeletSensor(t *testing.T) {
	f := follow(t)
	c.install(t, map[string]string{"kubelet_rules": kubeletRule},
		"--set=collectors.kubernetes.enabled=true,collectors.kubernetes.source=kubelet", "--set=falco.kubernetes.kubelet.interval=2s")
	said := func(state string, times int) {
		t.Helper()
		c.waitFor(t, fmt.Sprintf("the log says %d times that the kubelet is %s", times, state), func() (bool, string) {
			return strings.Count(f.log(), fmt.Sprintf("kubelet\t{\"state\": %q", state)) == times, f.log()
		})
	}
	said("connected", 1)
	c.kubectl(t, shop, "apply", "--validate=strict", "-f", "-")
	t.Cleanup(func() { c.kubectl(t, "", "delete", "namespace", "till", "--wait=false") })
	c.kubectl(t, "", "-n", "till", "rollout", "status", "deployment/shop", "--timeout=60s")
	waitLabel := func(label string) {
		t.Helper()
		c.waitFor(t, "an alert has the label "+label, func() (bool, string) {
			c.kubectl(t, "", "-n", "till", "exec", "deployment/shop", "--", "sh", "-c", "true "+label)
			for _, a := range f.seen() {
				if a.Rule == "Shell in a deployment" && a.field("k8smeta.pod.label.round") == label && a.field("k8smeta.owner.kind") == "ReplicaSet" {
					return true, ""
				}
			}
			return false, f.log()
		})
	}
	c.kubectl(t, "", "-n", "till", "label", "pods", "-l", "app=shop", "round=first")
	waitLabel("first")
	if !strings.Contains(f.log(), "the kubelet serves pods only; set kubernetes.source to api") {
		t.Errorf("the log does not say that the namespace's labels can't be had:\n%s", f.log())
	}
	c.Kill(node.Kubelet)
	said("unreachable", 1)
	if err := c.Run(node.Kubelet); err != nil {
		t.Fatal(err)
	}
	said("connected", 2)
	c.kubectl(t, "", "wait", "--for=condition=Ready", "node/"+node.Name, "--timeout=120s")
	c.kubectl(t, "", "-n", "till", "label", "--overwrite", "pods", "-l", "app=shop", "round=second")
	waitLabel("second")
}

// kubeletRule reads what the kubelet knows, and what it does not.
const kubeletRule = `
- rule: Shell in a deployment
  desc: d
  condition: spawned_process and proc.name=sh and k8smeta.deployment.name=shop
  output: shell (owner=%k8smeta.owner.kind label=%k8smeta.pod.label.round ns=%k8smeta.ns.labels cmd=%proc.cmdline)
  priority: NOTICE
`

// testKubeletCost asks the real kubelet: for the pods that run, and for 250 more, which wait for a config map that is not there.
func (c *cluster) testKubeletCost(t *testing.T) {
	t.Cleanup(func() {
		c.kubectl(t, "", "delete", "clusterrolebinding,clusterrole", "reader")
		c.kubectl(t, "", "-n", "idle", "delete", "pods", "--all", "--force", "--grace-period=0", "--wait=false") // else each waits for its volume
		c.kubectl(t, "", "delete", "namespace", "idle", "--wait=false")
		c.waitFor(t, "the kubelet has no such pod any more", func() (bool, string) {
			out := c.kubectl(t, "", "get", "--raw", "/api/v1/nodes/"+node.Name+"/proxy/pods")
			return !strings.Contains(out, `"namespace":"idle"`), "it has some"
		})
	})
	c.kubectl(t, readers, "apply", "--validate=strict", "-f", "-")
	settings := func(account string) pods.Settings {
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(c.kubectl(t, "", "-n", "idle", "create", "token", account)), 0o600); err != nil {
			t.Fatal(err)
		}
		return pods.Settings{Kubelet: &pods.Kubelet{Address: "https://" + node.Address + ":10250", CAFile: c.API().CAFile, TokenFile: file,
			Interval: time.Second}}
	}
	if _, s := pods.Ask(t.Context(), settings("stranger")); s.State != pods.Refused || !strings.Contains(s.Err.Error(), "nodes/pods") {
		t.Errorf("without a role: %+v", s)
	}

	w := pods.New(settings("reader"))
	w.Start(t.Context())
	t.Cleanup(func() { w.Close() })
	wait := func(what string, done func(pods.Counters) bool) pods.Counters {
		t.Helper()
		c.waitFor(t, what, func() (bool, string) {
			return done(w.Counters()) && w.Status().State == pods.Connected, fmt.Sprintf("%+v %+v", w.Counters(), w.Status())
		})
		return w.Counters()
	}
	few := wait("the kubelet is asked", func(n pods.Counters) bool { return n.Requests == 1 })
	t.Logf("%d pods: %d bytes received, %d sent", few.Pods, few.Received, few.Sent)
	c.measureKubelet(t, settings("reader"))

	c.Kill(node.APIServer)
	asked := w.Counters().Requests
	wait("it answers without the API server", func(n pods.Counters) bool { return n.Requests >= asked+3 })
	if err := c.Run(node.APIServer); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitAPIServer(); err != nil {
		t.Fatal(err)
	}

	var list strings.Builder
	for i := range crowdPods {
		fmt.Fprintf(&list, crowdPod, i, strings.Repeat("x", 1000), node.Name)
		// A volume that no container mounts is not waited for.
		list.WriteString("    volumeMounts: [{name: v, mountPath: /v}]\n  volumes: [{name: v, configMap: {name: absent}}]\n")
	}
	// Their owner has to be there, else the garbage collector deletes them.
	owner := c.kubectl(t, "", "-n", "idle", "get", "serviceaccount", "reader", "-o", "jsonpath={.metadata.uid}")
	idle := strings.NewReplacer("namespace: crowd", "namespace: idle",
		"apiVersion: apps/v1, kind: ReplicaSet, name: shop-7d4b, uid: 11111111-2222-3333-4444-555555555555",
		"apiVersion: v1, kind: ServiceAccount, name: reader, uid: "+owner)
	c.kubectl(t, idle.Replace(list.String()), "create", "-f", "-")
	full := wait("all pods are known", func(n pods.Counters) bool { return n.Pods >= few.Pods+crowdPods })
	later := wait("it is asked three times more", func(n pods.Counters) bool { return n.Requests >= full.Requests+3 })
	t.Logf("%d pods: %d bytes each time", later.Pods, (later.Received-full.Received)/(later.Requests-full.Requests))
	c.measureKubelet(t, settings("reader"))
	uid := c.kubectl(t, "", "-n", "idle", "get", "pod", "p7", "-o", "jsonpath={.metadata.uid}")
	if m := w.Lookup(uid); m == nil || m.Name != "p7" || m.Namespace != "idle" || m.Labels["app"] != "shop" || m.Owner.UID != owner {
		t.Errorf("p7 is %+v", m)
	}
}

// measureKubelet says what a question takes, each with a connection of its own.
func (c *cluster) measureKubelet(t *testing.T, s pods.Settings) {
	t.Helper()
	const times = 30
	const quiet = 2 * time.Second
	idle, _ := usage(t, c.Pid(node.Kubelet))
	time.Sleep(quiet)
	begin, _ := usage(t, c.Pid(node.Kubelet))
	alone := float64(begin-idle) / float64(quiet)
	from, own, memory := time.Now(), processorTime(t), allocated()
	for range times {
		if _, s := pods.Ask(t.Context(), s); s.State != pods.Connected {
			t.Fatalf("%+v", s)
		}
	}
	took := time.Since(from)
	ownLater, memoryLater := processorTime(t), allocated()
	end, _ := usage(t, c.Pid(node.Kubelet))
	t.Logf("a question takes %.1f ms of the asker's processor time and %.1f MB that it allocates; "+
		"%.1f ms of the kubelet's, which takes %.1f %% of a processor without",
		(ownLater-own).Seconds()*1000/times, float64(memoryLater-memory)/1e6/times,
		((end-begin).Seconds()-alone*took.Seconds())*1000/times, alone*100)
}

// processorTime is this process's.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// readers are two accounts, of which one may ask the kubelet.
const readers = `
apiVersion: v1
kind: Namespace
metadata: {name: idle}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader, namespace: idle}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: stranger, namespace: idle}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules: [{apiGroups: [""], resources: [nodes/pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects: [{kind: ServiceAccount, name: reader, namespace: idle}]
`
