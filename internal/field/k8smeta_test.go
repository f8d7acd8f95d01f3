package field

import (
	"testing"

	"github.com/saker-sensor/saker/internal/event"
)

// TestK8smeta: what the API server says of a pod and of what it belongs to; what it does not say is missing.
func TestK8smeta(t *testing.T) {
	object := func(name string) *event.Object {
		return &event.Object{Name: name, UID: name + "-uid", Labels: map[string]string{"team": name, "bare": ""}}
	}
	pod := inContainer(true)
	pod.PodMeta = &event.PodMeta{
		Name: "web-0", Namespace: "shop", UID: "u-1", Labels: map[string]string{"app.kubernetes.io/name": "web"},
		Owner: event.Owner{Kind: "ReplicaSet", Name: "web-1", UID: "u-2"}, Deployment: "web",
		Related: event.Related{Namespace: object("shop"), Deployment: object("web"), ReplicaSet: object("web-1"),
			Services: []*event.Object{object("front"), object("web")}},
	}
	old := &event.Event{PodMeta: &event.PodMeta{Owner: event.Owner{Kind: "ReplicationController", Name: "old", UID: "u-3"},
		Related: event.Related{ReplicationController: object("old")}}}
	d := Syscall()
	for _, c := range []struct {
		what string
		ev   *event.Event
		want map[string]string
	}{
		{"a pod of a Deployment", pod, map[string]string{
			"k8smeta.pod.name": "web-0", "k8smeta.pod.uid": "u-1", "k8smeta.pod.ip": "10.1.2.3",
			"k8smeta.pod.label.app.kubernetes.io/name": "web", "k8smeta.pod.labels": "(app.kubernetes.io/name:web)",
			"k8smeta.ns.name": "shop", "k8smeta.ns.uid": "shop-uid", "k8smeta.ns.label.team": "shop", "k8smeta.ns.label.none": "<NA>",
			"k8smeta.ns.label.bare": "", "k8smeta.ns.labels": "(bare:,team:shop)",
			"k8smeta.deployment.name": "web", "k8smeta.deployment.uid": "web-uid", "k8smeta.deployment.label.team": "web",
			"k8smeta.deployment.labels": "(bare:,team:web)",
			"k8smeta.rs.name":           "web-1", "k8smeta.rs.uid": "u-2", "k8smeta.rs.label.team": "web-1",
			"k8smeta.rs.labels": "(bare:,team:web-1)",
			"k8smeta.svc.name":  "(front,web)", "k8smeta.svc.uid": "(front-uid,web-uid)", "k8smeta.svc.label.team": "(front,web)",
			"k8smeta.svc.label.none": "<NA>",
			"k8smeta.svc.labels":     "(bare:,team:front,bare:,team:web)",
			"k8smeta.rc.name":        "<NA>", "k8smeta.rc.label.team": "<NA>", "k8smeta.rc.labels": "<NA>",
		}},
		{"a pod of a replication controller", old, map[string]string{
			"k8smeta.rc.name": "old", "k8smeta.rc.uid": "u-3", "k8smeta.rc.label.team": "old", "k8smeta.rc.labels": "(bare:,team:old)",
			"k8smeta.rs.name": "<NA>", "k8smeta.rs.uid": "<NA>", "k8smeta.ns.uid": "<NA>", "k8smeta.ns.labels": "<NA>",
			"k8smeta.pod.ip": "<NA>",
		}},
		{"no pod", &event.Event{}, map[string]string{
			"k8smeta.pod.name": "<NA>", "k8smeta.pod.label.a": "<NA>", "k8smeta.pod.labels": "<NA>", "k8smeta.ns.uid": "<NA>",
			"k8smeta.ns.label.a": "<NA>", "k8smeta.ns.labels": "<NA>",
			"k8smeta.svc.name": "<NA>", "k8smeta.svc.label.a": "<NA>",
		}},
	} {
		for name, want := range c.want {
			if got := show(t, d, c.ev, name, ""); got != want {
				t.Errorf("%s: %s is %q, want %q", c.what, name, got, want)
			}
		}
	}
	if got := show(t, d, pod, "k8smeta.ns.label", "team"); got != "shop" {
		t.Errorf("k8smeta.ns.label[team] is %q", got)
	}
}
