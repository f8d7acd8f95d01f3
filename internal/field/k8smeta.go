package field

import "github.com/saker-sensor/saker/internal/event"

// k8smetaFields have the names of Falco's k8smeta plugin. They are set where the API server or the kubelet is asked (kubernetes.source).
func k8smetaFields() []Info {
	meta := func(name, doc string, get func(*event.PodMeta) string) Info {
		return text(name, doc, func(ev *event.Event) (string, bool) {
			if ev.PodMeta == nil {
				return "", false
			}
			s := get(ev.PodMeta)
			return s, s != ""
		}).with(Additive)
	}
	owner := func(kind string, get func(*event.Owner) string) func(*event.PodMeta) string {
		return func(m *event.PodMeta) string {
			if m.Owner.Kind != kind {
				return ""
			}
			return get(&m.Owner)
		}
	}
	return []Info{
		meta("k8smeta.pod.name", "Name of the pod, from the API server or the kubelet.", func(m *event.PodMeta) string { return m.Name }),
		meta("k8smeta.pod.uid", "Uid of the pod.", func(m *event.PodMeta) string { return m.UID }),
		{
			Name: "k8smeta.pod.label", Arg: ArgRequired, DotArg: true, Cost: 1, Flags: Additive, Doc: "Label that the pod has now, by its key.",
			Extract: func(ev *event.Event, a Arg, v *Value) (ok bool) {
				if ev.PodMeta == nil {
					return false
				}
				v.Str, ok = ev.PodMeta.Labels[a.Text]
				return ok
			},
		},
		meta("k8smeta.ns.name", "Namespace of the pod.", func(m *event.PodMeta) string { return m.Namespace }),
		meta("k8smeta.deployment.name", "Deployment of the pod.", func(m *event.PodMeta) string { return m.Deployment }),
		meta("k8smeta.rs.name", "Replica set of the pod.", owner("ReplicaSet", func(o *event.Owner) string { return o.Name })),
		meta("k8smeta.rs.uid", "Uid of the replica set.", owner("ReplicaSet", func(o *event.Owner) string { return o.UID })),
		meta("k8smeta.owner.kind", "Kind of the pod's controller: ReplicaSet, DaemonSet, StatefulSet, Job, … Not a field of the plugin's.",
			func(m *event.PodMeta) string { return m.Owner.Kind }),
		meta("k8smeta.owner.name", "Name of the pod's controller. Not a field of the plugin's.", func(m *event.PodMeta) string { return m.Owner.Name }),
	}
}
