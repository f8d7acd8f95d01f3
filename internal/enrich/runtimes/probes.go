package runtimes

import (
	"encoding/json"

	"github.com/saker-sensor/saker/internal/event"
)

// annotationApplied is what "kubectl apply" leaves in a pod: its manifest as JSON. No runtime is told the pod's probes, so
// it is the only place for them on the node; pods that a controller made do not have it.
const annotationApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Bounds of what is kept of probes: the manifest's size, the number of commands of a container, and a command's bytes.
const (
	maxManifestBytes = 256 << 10
	maxProbes        = 4
	maxProbeBytes    = 4096
)

// podProbes are the commands of a pod's probes, by container.
func podProbes(manifest string) map[string][]event.Probe {
	if manifest == "" || len(manifest) > maxManifestBytes {
		return nil
	}
	type probe struct {
		Exec *struct{ Command []string }
	}
	var pod struct {
		Spec struct {
			Containers []struct {
				Name                          string
				LivenessProbe, ReadinessProbe *probe
			}
		}
	}
	if json.Unmarshal([]byte(manifest), &pod) != nil {
		return nil
	}
	out := map[string][]event.Probe{}
	for _, c := range pod.Spec.Containers {
		for kind, p := range map[event.ProbeKind]*probe{event.LivenessProbe: c.LivenessProbe, event.ReadinessProbe: c.ReadinessProbe} {
			if p != nil && p.Exec != nil && len(out[c.Name]) < maxProbes {
				out[c.Name] = appendProbe(out[c.Name], kind, p.Exec.Command)
			}
		}
	}
	return out
}

// healthcheck is the command of a container or image in the form of Docker: ["CMD", argument…], ["CMD-SHELL", text], or
// ["NONE"]. The shell of an image that names another than /bin/sh is not told here.
func healthcheck(test []string) []event.Probe {
	switch {
	case len(test) < 2:
	case test[0] == "CMD":
		return appendProbe(nil, event.Healthcheck, test[1:])
	case test[0] == "CMD-SHELL":
		return appendProbe(nil, event.Healthcheck, []string{"/bin/sh", "-c", test[1]})
	}
	return nil
}

func appendProbe(to []event.Probe, kind event.ProbeKind, command []string) []event.Probe {
	size := 0
	for _, arg := range command {
		size += len(arg)
	}
	if len(command) == 0 || size > maxProbeBytes {
		return to
	}
	return append(to, event.Probe{Kind: kind, Exe: command[0], Args: command[1:]})
}
