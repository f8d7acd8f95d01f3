package setup

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/enrich/runtimes"
)

func TestRuntimesOf(t *testing.T) {
	on := func(sockets ...string) config.Runtime { return config.Runtime{Enabled: true, Sockets: sockets} }
	off := config.Runtime{}
	const k3s, crio = "/run/k3s/containerd/containerd.sock", "/run/crio/crio.sock"
	containerd := func(socket string) runtimes.Runtime {
		return runtimes.Runtime{Kind: runtimes.Containerd, Socket: socket}
	}
	for name, tt := range map[string]struct {
		engines config.Engines
		want    []runtimes.Runtime
	}{
		"all on":  {config.Engines{Containerd: on(), CRI: on(), Docker: on(), Podman: on()}, runtimes.Defaults()},
		"all off": {config.Engines{}, []runtimes.Runtime{}},
		"cri's sockets of containerd": {config.Engines{CRI: on(k3s, crio)},
			[]runtimes.Runtime{containerd(k3s), {Kind: runtimes.CRI, Socket: crio}}},
		"cri switched off": {config.Engines{Containerd: on(), CRI: config.Runtime{Sockets: []string{k3s}}},
			runtimes.DefaultSockets(runtimes.Containerd)},
		"the same one in both":  {config.Engines{Containerd: on(k3s), CRI: on(k3s)}, []runtimes.Runtime{containerd(k3s)}},
		"a name without a hint": {config.Engines{Containerd: on("/x"), Docker: off}, []runtimes.Runtime{containerd("/x")}},
		"Falco's name of Docker's": {config.Engines{Docker: on("/var/run/docker.sock")},
			[]runtimes.Runtime{{Kind: runtimes.Docker, Socket: "/run/docker.sock"}}},
		"an address": {config.Engines{Podman: on("unix:///run/podman/podman.sock")},
			[]runtimes.Runtime{{Kind: runtimes.Podman, Socket: "/run/podman/podman.sock"}}},
		"cri with containerd's alone": {config.Engines{Containerd: on(), CRI: on(k3s)}, []runtimes.Runtime{containerd(k3s)}},
		"the usual places beside named": {config.Engines{CRI: on(), Docker: on("/d")},
			slices.Concat(runtimes.DefaultSockets(runtimes.CRI), []runtimes.Runtime{{Kind: runtimes.Docker, Socket: "/d"}})},
	} {
		if diff := cmp.Diff(tt.want, Runtimes(&tt.engines)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
