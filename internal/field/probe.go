package field

import (
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
)

// containerProbes are the commands by which a container is looked after, and whether a process is one. Falco has deprecated
// these fields and gives them no value any more; here they have one wherever the runtime tells the command.
func containerProbes() []Info {
	command := func(name, doc string, kind event.ProbeKind) Info {
		return Info{Name: name, Doc: doc, Flags: Deprecated, Cost: 2, Extract: func(ev *event.Event, _ Arg, v *Value) bool {
			if ev.Container == nil {
				return false
			}
			for i := range ev.Container.Probes {
				if p := &ev.Container.Probes[i]; p.Kind == kind {
					v.Str = strings.Join(append([]string{p.Exe}, p.Args...), " ")
					return true
				}
			}
			return false
		}}
	}
	is := func(name, doc string, kind event.ProbeKind) Info {
		return boolean(name, doc, func(ev *event.Event) (yes, ok bool) {
			c := container(ev)
			if c == nil || ev.Process == nil {
				return false, false
			}
			p := probeOf(ev.Process, c.Probes)
			return p != nil && p.Kind == kind, true
		}).with(Deprecated).costly()
	}
	return []Info{
		command("container.healthcheck", "Command of the container's health check; missing if there is none.", event.Healthcheck),
		command("container.liveness_probe", "Command of the pod's liveness probe; missing if there is none.", event.LivenessProbe),
		command("container.readiness_probe", "Command of the pod's readiness probe; missing if there is none.", event.ReadinessProbe),
		is("proc.is_container_healthcheck", "Whether the process is the container's health check, or comes from it.", event.Healthcheck),
		is("proc.is_container_liveness_probe", "Whether the process is the pod's liveness probe, or comes from it.", event.LivenessProbe),
		is("proc.is_container_readiness_probe", "Whether the process is the pod's readiness probe, or comes from it.",
			event.ReadinessProbe),
	}
}

// probeOf finds the probe that a process comes from: it, or an ancestor, is the command, and none above is the first process
// of the container. A process of the container's own that looks like a probe is none.
func probeOf(p *event.Process, probes []event.Probe) (found *event.Probe) {
	if len(probes) == 0 {
		return nil
	}
	walk(p, func(p *event.Process) bool {
		if p.Vpid == 1 && p.Key.Tgid != 1 {
			found = nil
			return false
		}
		for i := range probes {
			if probes[i].Exe == p.Exe && slices.Equal(probes[i].Args, p.ArgList) {
				found = &probes[i]
			}
		}
		return true
	})
	return found
}
