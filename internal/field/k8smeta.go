package field

import (
	"maps"
	"slices"

	"github.com/saker-sensor/saker/internal/event"
)

// k8smetaFields have the names of Falco's k8smeta plugin. They are set where the API server or the kubelet is asked (kubernetes.source).
func k8smetaFields() []Info {
	owner := func(kind string, get func(*event.Owner) string) func(*event.PodMeta) string {
		return func(m *event.PodMeta) string {
			if m.Owner.Kind != kind {
				return ""
			}
			return get(&m.Owner)
		}
	}
	name := func(o *event.Owner) string { return o.Name }
	uid := func(o *event.Owner) string { return o.UID }
	of := func(get func(*event.Related) *event.Object) func(*event.PodMeta) map[string]string {
		return func(m *event.PodMeta) map[string]string {
			if o := get(&m.Related); o != nil {
				return o.Labels
			}
			return nil
		}
	}
	uidOf := func(get func(*event.Related) *event.Object) func(*event.PodMeta) string {
		return func(m *event.PodMeta) string {
			if o := get(&m.Related); o != nil {
				return o.UID
			}
			return ""
		}
	}
	namespace := func(k *event.Related) *event.Object { return k.Namespace }
	deployment := func(k *event.Related) *event.Object { return k.Deployment }
	replicaSet := func(k *event.Related) *event.Object { return k.ReplicaSet }
	controller := func(k *event.Related) *event.Object { return k.ReplicationController }
	return slices.Concat(
		[]Info{
			meta("k8smeta.pod.name", "Name of the pod, from the API server or the kubelet.",
				func(m *event.PodMeta) string { return m.Name }),
			meta("k8smeta.pod.uid", "Uid of the pod.", func(m *event.PodMeta) string { return m.UID }),
			text("k8smeta.pod.ip", "Address of the pod, from the container runtime: the same as k8s.pod.ip.", podIP).with(Additive),
		},
		metaLabels("k8smeta.pod", "the pod", func(m *event.PodMeta) map[string]string { return m.Labels }),
		[]Info{
			meta("k8smeta.ns.name", "Namespace of the pod.", func(m *event.PodMeta) string { return m.Namespace }),
			meta("k8smeta.ns.uid", "Uid of the namespace.", uidOf(namespace)),
		},
		metaLabels("k8smeta.ns", "the namespace", of(namespace)),
		[]Info{
			meta("k8smeta.deployment.name", "Deployment of the pod.", func(m *event.PodMeta) string { return m.Deployment }),
			meta("k8smeta.deployment.uid", "Uid of the Deployment.", uidOf(deployment)),
		},
		metaLabels("k8smeta.deployment", "the Deployment", of(deployment)),
		[]Info{
			meta("k8smeta.rs.name", "Replica set of the pod.", owner("ReplicaSet", name)),
			meta("k8smeta.rs.uid", "Uid of the replica set.", owner("ReplicaSet", uid)),
		},
		metaLabels("k8smeta.rs", "the replica set", of(replicaSet)),
		[]Info{
			meta("k8smeta.rc.name", "Replication controller of the pod.", owner("ReplicationController", name)),
			meta("k8smeta.rc.uid", "Uid of the replication controller.", owner("ReplicationController", uid)),
		},
		metaLabels("k8smeta.rc", "the replication controller", of(controller)),
		metaServices(),
		[]Info{
			meta("k8smeta.owner.kind",
				"Kind of the pod's controller: ReplicaSet, DaemonSet, StatefulSet, Job, … Not a field of the plugin's.",
				func(m *event.PodMeta) string { return m.Owner.Kind }),
			meta("k8smeta.owner.name", "Name of the pod's controller. Not a field of the plugin's.",
				func(m *event.PodMeta) string { return m.Owner.Name }),
		},
	)
}

// meta is an entry for a text about a pod, or about what it belongs to.
func meta(name, doc string, get func(*event.PodMeta) string) Info {
	return text(name, doc, func(ev *event.Event) (string, bool) {
		if ev.PodMeta == nil {
			return "", false
		}
		s := get(ev.PodMeta)
		return s, s != ""
	}).with(Additive)
}

// metaLabels are the entries for one label of an object, and for all.
func metaLabels(prefix, of string, get func(*event.PodMeta) map[string]string) []Info {
	return []Info{
		{
			Name: prefix + ".label", Arg: ArgRequired, DotArg: true, Cost: 1, Flags: Additive,
			Doc: "Label that " + of + " has now, by its key.",
			Extract: func(ev *event.Event, a Arg, v *Value) (ok bool) {
				if ev.PodMeta == nil {
					return false
				}
				v.Str, ok = get(ev.PodMeta)[a.Text]
				return ok
			},
		},
		{
			Name: prefix + ".labels", List: true, Cost: 2, Flags: Additive, Doc: "All labels of " + of + ", each as key:value.",
			Extract: func(ev *event.Event, _ Arg, v *Value) bool {
				v.List = v.List[:0]
				if ev.PodMeta != nil {
					v.List = appendLabels(v.List, get(ev.PodMeta))
				}
				return len(v.List) > 0
			},
		},
	}
}

// metaServices are about the services that select the pod; missing if there is none.
func metaServices() []Info {
	list := func(name, doc string, add func([]Value, *event.Object, Arg) []Value) Info {
		return Info{Name: name, List: true, Cost: 2, Flags: Additive, Doc: doc, Extract: func(ev *event.Event, a Arg, v *Value) bool {
			v.List = v.List[:0]
			if ev.PodMeta != nil {
				for _, s := range ev.PodMeta.Related.Services {
					v.List = add(v.List, s, a)
				}
			}
			return len(v.List) > 0
		}}
	}
	label := list("k8smeta.svc.label", "Values that the pod's services have for a label, by its key.",
		func(all []Value, s *event.Object, a Arg) []Value {
			if value, ok := s.Labels[a.Text]; ok {
				all = append(all, Value{Str: value})
			}
			return all
		})
	label.Arg, label.DotArg = ArgRequired, true
	return []Info{
		list("k8smeta.svc.name", "Names of the services that select the pod.",
			func(all []Value, s *event.Object, _ Arg) []Value { return append(all, Value{Str: s.Name}) }),
		list("k8smeta.svc.uid", "Uids of the pod's services.",
			func(all []Value, s *event.Object, _ Arg) []Value { return append(all, Value{Str: s.UID}) }),
		label,
		list("k8smeta.svc.labels", "All labels of the pod's services, each as key:value.",
			func(all []Value, s *event.Object, _ Arg) []Value { return appendLabels(all, s.Labels) }),
	}
}

// appendLabels puts labels behind a list, sorted by key.
func appendLabels(list []Value, labels map[string]string) []Value {
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		list = append(list, Value{Str: key + ":" + labels[key]})
	}
	return list
}
