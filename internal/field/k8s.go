package field

import "github.com/saker-sensor/saker/internal/event"

// Labels by which a runtime names the pod of a container.
const (
	labelPodName = "io.kubernetes.pod.name"
	labelPodNS   = "io.kubernetes.pod.namespace"
	labelPodUID  = "io.kubernetes.pod.uid"
)

func k8sFields() []Info {
	// pod is an entry for what the pod says, or else a label of the container.
	pod := func(name, doc, label string, get func(*event.Pod) string) Info {
		return text(name, doc, func(ev *event.Event) (string, bool) {
			c := ev.Container
			if c == nil {
				return "", false
			}
			if c.Pod != nil {
				if s := get(c.Pod); s != "" {
					return s, true
				}
			}
			s, ok := c.Labels[label]
			return s, ok
		})
	}
	sandbox := func(c *event.Container) string {
		if c.Pod == nil {
			return ""
		}
		return c.Pod.SandboxID
	}
	labels := func(c *event.Container) map[string]string {
		if c.Pod == nil {
			return nil
		}
		return c.Pod.Labels
	}
	uid := func(p *event.Pod) string { return p.UID }
	return []Info{
		pod("k8s.pod.name", "Name of the pod.", labelPodName, func(p *event.Pod) string { return p.Name }).with(Suggested),
		pod("k8s.ns.name", "Namespace of the pod.", labelPodNS, func(p *event.Pod) string { return p.Namespace }).with(Suggested),
		pod("k8s.pod.id", "The same as k8s.pod.uid; kept for old rules.", labelPodUID, uid),
		pod("k8s.pod.uid", "Uid of the pod.", labelPodUID, uid),
		containerText("k8s.pod.sandbox_id", "First 12 digits of the id of the pod's own container.", func(c *event.Container) string {
			return event.ShortID(sandbox(c))
		}),
		containerText("k8s.pod.full_sandbox_id", "Id of the pod's own container.", sandbox),
		labelOf("k8s.pod.label", "Label of the pod by its key.", labels),
		containerText("k8s.pod.labels", "Labels of the pod, key:value, joined by a comma and a blank.", func(c *event.Container) string {
			return joinLabels(labels(c))
		}).costly(),
		text("k8s.pod.ip", "Address of the pod.", podIP),
		text("k8s.pod.cni.json", "The same as container.cni.json, for a container of a pod.", func(ev *event.Event) (string, bool) {
			if ev.Container == nil || ev.Container.Pod == nil {
				return "", false
			}
			return ev.Container.CNI, true
		}),
	}
}

func podIP(ev *event.Event) (string, bool) {
	if ev.Container == nil || ev.Container.Pod == nil {
		return "", false
	}
	return ev.Container.IP, true
}

// k8sDeprecated are the fields of other objects than pods, which Falco has moved to a plugin of its own.
func k8sDeprecated() []Info {
	const gone = "Never set; kept for old rules."
	var all []Info
	for _, object := range [...]string{"rc", "svc", "ns", "rs", "deployment"} {
		prefix := "k8s." + object
		if object != "ns" {
			all = append(all, neverSetText(prefix+".name", gone).with(Deprecated))
		}
		label := neverSetText(prefix+".label", gone).with(Deprecated)
		label.Arg, label.DotArg = ArgRequired, true
		all = append(all, neverSetText(prefix+".id", gone).with(Deprecated), label, neverSetText(prefix+".labels", gone).with(Deprecated))
	}
	return all
}
