package field

import (
	"testing"

	"github.com/saker-sensor/saker/internal/event"
)

// TestProbeOf: a probe is run from outside; what the container's first process starts never is one.
func TestProbeOf(t *testing.T) {
	systemd := &event.Process{Key: event.Key{Tgid: 1}, Vpid: 1, Comm: "systemd"}
	shim := &event.Process{Key: event.Key{Tgid: 50}, Vpid: 50, Comm: "containerd-shim", Parent: systemd}
	first := &event.Process{Key: event.Key{Tgid: 60}, Vpid: 1, Exe: "/app", Parent: shim}
	probe := func(parent *event.Process) *event.Process {
		return &event.Process{Key: event.Key{Tgid: 70}, Vpid: 7, Exe: "/bin/sh", ArgList: []string{"-c", "check"}, Parent: parent}
	}
	child := func(p *event.Process) *event.Process {
		return &event.Process{Key: event.Key{Tgid: 80}, Vpid: 8, Exe: "check", Parent: p}
	}
	probes := []event.Probe{{Kind: event.ReadinessProbe, Exe: "/bin/sh", Args: []string{"-c", "check"}}}
	for name, tt := range map[string]struct {
		process *event.Process
		want    bool
	}{
		"the probe":                       {probe(shim), true},
		"its child":                       {child(probe(shim)), true},
		"its parent is not known":         {probe(nil), true},
		"the container's own look-alike":  {probe(first), false},
		"a child of the look-alike":       {child(probe(first)), false},
		"the first process itself":        {first, false},
		"another command from outside":    {child(shim), false},
		"the shim":                        {shim, false},
		"a shell with an argument more":   {&event.Process{Exe: "/bin/sh", ArgList: []string{"-c", "check", "x"}, Parent: shim}, false},
		"a shell by another name":         {&event.Process{Exe: "sh", ArgList: []string{"-c", "check"}, Parent: shim}, false},
		"the probe below a probe's child": {probe(child(probe(shim))), true},
	} {
		if got := probeOf(tt.process, probes); (got != nil) != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if probeOf(probe(shim), nil) != nil {
		t.Error("a probe of a container without any")
	}
}
