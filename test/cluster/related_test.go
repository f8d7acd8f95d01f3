package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/pods"
)

// metaRule reads what only the API server knows.
const metaRule = `
- rule: Shell in a deployment
  desc: d
  condition: spawned_process and proc.name=sh and k8smeta.deployment.name=shop and k8smeta.ns.label[team]=money
  output: >
    shell (rs=%k8smeta.rs.name owner=%k8smeta.owner.kind uid=%k8smeta.pod.uid label=%k8smeta.pod.label.round ip=%k8smeta.pod.ip
    ns=%k8smeta.ns.uid labels=%k8smeta.ns.labels
    deployment=%k8smeta.deployment.uid part=%k8smeta.deployment.label[part] set=%k8smeta.rs.labels
    services=%k8smeta.svc.name uids=%k8smeta.svc.uid tiers=%k8smeta.svc.label[tier] all=%k8smeta.svc.labels cmd=%proc.cmdline)
  priority: NOTICE
`

// shop is a namespace with two services of a Deployment of one pod, and another service.
const shop = `
apiVersion: v1
kind: Namespace
metadata: {name: till, labels: {team: money}}
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: till, labels: {tier: front}}
spec: {selector: {app: shop}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop-metrics, namespace: till, labels: {tier: back}}
spec: {selector: {app: shop}, clusterIP: None}
---
apiVersion: v1
kind: Service
metadata: {name: elsewhere, namespace: till}
spec: {selector: {app: elsewhere}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: till, labels: {part: till}}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: "registry.example.org/team/billing:1.4"}]
`

// testDeployment: with the API server asked, an alert names what is around the pod, and the labels that the pod has now.
func (c *cluster) testDeployment(t *testing.T) {
	c.waitFor(t, "the API server is connected", func() (bool, string) {
		_, own := c.log(t, sensors...)
		return strings.Contains(own, `API server	{"state": "connected"`), own
	})
	t.Cleanup(func() { c.kubectl(t, "", "delete", "namespace", "till", "--wait=false") })
	c.kubectl(t, shop, "apply", "--validate=strict", "-f", "-")
	c.kubectl(t, "", "-n", "till", "rollout", "status", "deployment/shop", "--timeout=60s")
	c.kubectl(t, "", "-n", "till", "label", "pods", "--all", "round=second")
	var found alert
	c.waitFor(t, "an alert has the new label", func() (bool, string) {
		c.kubectl(t, "", "-n", "till", "exec", "deployment/shop", "--", "sh", "-c", "true "+t.Name())
		alerts, own := c.log(t, sensors...)
		for _, a := range alerts {
			if a.Rule == "Shell in a deployment" && a.field("k8smeta.pod.label.round") == "second" && a.field("k8smeta.rs.labels") != "<nil>" &&
				a.field("k8smeta.svc.name") != "<nil>" {
				found = a
				return true, ""
			}
		}
		return false, own
	})
	of := func(object, path string) string {
		return c.kubectl(t, "", "-n", "till", "get", object, "-o", "jsonpath="+path)
	}
	set := of("rs", "{.items[0].metadata.name}")
	for name, want := range map[string]string{
		"k8smeta.rs.name": set, "k8smeta.owner.kind": "ReplicaSet", "k8smeta.pod.ip": of("pods", "{.items[0].status.podIP}"),
		"k8smeta.ns.uid": of("namespace/till", "{.metadata.uid}"), "k8smeta.ns.labels": "[kubernetes.io/metadata.name:till team:money]",
		"k8smeta.deployment.uid": of("deployment/shop", "{.metadata.uid}"), "k8smeta.deployment.label[part]": "till",
		"k8smeta.svc.name": "[shop shop-metrics]", "k8smeta.svc.uid": "[" + of("service/shop",
			"{.metadata.uid}") + " " + of("service/shop-metrics", "{.metadata.uid}") + "]",
		"k8smeta.svc.label[tier]": "[front back]", "k8smeta.svc.labels": "[tier:front tier:back]",
		"k8smeta.rs.labels": "[app:shop pod-template-hash:" + strings.TrimPrefix(set, "shop-") + "]",
	} {
		if got := found.field(name); got != want || want == "" {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// testRelated: what is around the pods costs a request for each object; a label that changes is seen at the next one; who may not
// ask says so.
func (c *cluster) testRelated(t *testing.T) {
	w := pods.New(pods.Settings{Node: crowd, API: c.API(), Refresh: 2 * time.Second})
	w.Start(t.Context())
	defer w.Close()
	c.waitWatch(t, w, true)
	before := w.Counters()
	w.SetKinds([pods.Kinds]bool{pods.Namespace: true})
	uid := c.kubectl(t, "", "-n", "crowd", "get", "pod", "p7", "-o", "jsonpath={.metadata.uid}")
	c.waitRelated(t, w, uid, "the namespace is known", func(k *event.Related) bool {
		return k.Namespace != nil &&
			k.Namespace.Name == "crowd"
	})
	after := w.Counters()
	t.Logf("the namespace of %d pods: %d requests, %d bytes received", after.Pods, after.Requests-before.Requests,
		after.Received-before.Received)
	if after.Objects != 1 || after.Requests-before.Requests > 2 {
		t.Errorf("counters %+v, before %+v", after, before)
	}
	c.kubectl(t, "", "label", "namespace", "crowd", "team=one")
	c.waitRelated(t, w, uid, "the namespace's label is known", func(k *event.Related) bool { return k.Namespace.Labels["team"] == "one" })

	role := pods.Settings{Node: crowd, API: c.API()}
	role.API.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:crowd:default"}
	c.kubectl(t, "", "create", "clusterrole", "crowd", "--verb=list,watch", "--resource=pods")
	c.kubectl(t, "", "create", "clusterrolebinding", "crowd", "--clusterrole=crowd", "--serviceaccount=crowd:default")
	t.Cleanup(func() { c.kubectl(t, "", "delete", "clusterrole/crowd", "clusterrolebinding/crowd") })
	narrow := pods.New(role)
	narrow.SetKinds([pods.Kinds]bool{pods.Namespace: true})
	narrow.Start(t.Context())
	defer narrow.Close()
	forbidden := func(yes bool) {
		t.Helper()
		c.waitFor(t, fmt.Sprintf("namespaces are forbidden: %v", yes), func() (bool, string) {
			err := narrow.KindErrors()[pods.Namespace]
			return (err != nil && strings.Contains(err.Error(), "forbidden")) == yes && narrow.Status().State == pods.Connected, fmt.Sprint(err)
		})
	}
	forbidden(true)
	c.kubectl(t, "", "create", "clusterrole", "crowd-related", "--verb=get", "--resource=namespaces")
	c.kubectl(t, "", "create", "clusterrolebinding", "crowd-related", "--clusterrole=crowd-related", "--serviceaccount=crowd:default")
	t.Cleanup(func() { c.kubectl(t, "", "delete", "clusterrole/crowd-related", "clusterrolebinding/crowd-related") })
	forbidden(false)
	c.waitRelated(t, narrow, uid, "the namespace is known where it was forbidden", func(k *event.Related) bool { return k.Namespace != nil })
}

// waitRelated waits for what is around a pod.
func (c *cluster) waitRelated(t *testing.T, w *pods.Watcher, uid, what string, is func(*event.Related) bool) {
	t.Helper()
	c.waitFor(t, what, func() (bool, string) {
		m := w.Lookup(uid)
		return m != nil && is(&m.Related), fmt.Sprintf("%+v, %v", m, w.KindErrors())
	})
}
