package runtimes

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/event"
)

func TestPodProbes(t *testing.T) {
	exec := func(args string) string { return `{"exec":{"command":[` + args + `]}}` }
	manifest := func(containers string) string { return `{"kind":"Pod","spec":{"containers":[` + containers + `]}}` }
	for name, tt := range map[string]struct {
		manifest string
		want     []event.Probe
	}{
		"liveness": {manifest(`{"name":"web","livenessProbe":` + exec(`"cat","/ok"`) + `}`),
			[]event.Probe{{Kind: event.LivenessProbe, Exe: "cat", Args: []string{"/ok"}}}},
		"readiness": {manifest(`{"name":"db"},{"name":"web","readinessProbe":` + exec(`"/check"`) + `}`),
			[]event.Probe{{Kind: event.ReadinessProbe, Exe: "/check", Args: []string{}}}},
		"over HTTP":        {manifest(`{"name":"web","livenessProbe":{"httpGet":{"port":80}}}`), nil},
		"empty command":    {manifest(`{"name":"web","livenessProbe":` + exec(``) + `}`), nil},
		"another's":        {manifest(`{"name":"db","livenessProbe":` + exec(`"x"`) + `}`), nil},
		"no pod":           {`{"spec":[]}`, nil},
		"not JSON":         {"{", nil},
		"none":             {"", nil},
		"command too long": {manifest(`{"name":"web","livenessProbe":` + exec(`"`+strings.Repeat("x", maxProbeBytes+1)+`"`) + `}`), nil},
		"manifest too long": {
			manifest(`{"name":"web","livenessProbe":` + exec(`"x"`) + `,"x":"` + strings.Repeat("x", maxManifestBytes) + `"}`), nil,
		},
		"the same name again and again": {
			manifest(strings.TrimSuffix(strings.Repeat(`{"name":"web","livenessProbe":`+exec(`"x"`)+`},`, 100), ",")),
			[]event.Probe{{Kind: event.LivenessProbe, Exe: "x", Args: []string{}}, {Kind: event.LivenessProbe, Exe: "x", Args: []string{}},
				{Kind: event.LivenessProbe, Exe: "x", Args: []string{}}, {Kind: event.LivenessProbe, Exe: "x", Args: []string{}}},
		},
	} {
		if diff := cmp.Diff(tt.want, podProbes(tt.manifest)["web"]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestHealthcheck(t *testing.T) {
	for _, tt := range []struct {
		test []string
		want []event.Probe
	}{
		{[]string{"CMD", "/check", "-q"}, []event.Probe{{Exe: "/check", Args: []string{"-q"}}}},
		{[]string{"CMD-SHELL", "curl -f localhost"}, []event.Probe{{Exe: "/bin/sh", Args: []string{"-c", "curl -f localhost"}}}},
		{[]string{"NONE"}, nil},
		{[]string{"CMD"}, nil},
		{[]string{"OTHER", "x"}, nil},
		{nil, nil},
	} {
		if diff := cmp.Diff(tt.want, healthcheck(tt.test)); diff != "" {
			t.Errorf("%q: %s", tt.test, diff)
		}
	}
}

func TestCNIText(t *testing.T) {
	many := map[string]cniInterface{}
	for i := range 100 {
		many[fmt.Sprint("eth", i)] = cniInterface{IPConfigs: []cniAddress{{IP: "fd00:0123:4567:89ab:cdef:0123:4567:89ab"}}}
	}
	for name, tt := range map[string]struct {
		interfaces map[string]cniInterface
		want       string
	}{
		"none":     {nil, ""},
		"loopback": {map[string]cniInterface{"lo": {}, "veth0a": {}}, ""},
		"two stacks": {
			map[string]cniInterface{"lo": {}, "eth0": {IPConfigs: []cniAddress{{IP: "10.0.0.2", Gateway: "10.0.0.1"}, {IP: "fd00::2"}}}},
			`{"eth0":{"IPConfigs":[{"IP":"10.0.0.2","Gateway":"10.0.0.1"},{"IP":"fd00::2"}]}}`,
		},
		"two interfaces": {map[string]cniInterface{"net1": {}, "eth0": {}}, `{"eth0":{"IPConfigs":null},"net1":{"IPConfigs":null}}`},
		"too many":       {many, ""},
	} {
		if got := cniText(tt.interfaces); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}
