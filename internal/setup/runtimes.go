package setup

import (
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/enrich/runtimes"
)

// Runtimes are the container runtimes that a configuration asks for. Falco's cri engine reaches containerd by its
// sockets; here those of its list that are containerd's count as containerd's, whose own interface tells more.
func Runtimes(e *config.Engines) []runtimes.Runtime {
	isContainerd := func(socket string) bool { return strings.Contains(socket, "containerd") }
	all := []runtimes.Runtime{}
	add := func(kind runtimes.Kind, r config.Runtime, fits func(socket string) bool) (n int) {
		for _, socket := range r.Sockets {
			next := runtimes.Runtime{Kind: kind, Socket: onHost(socket)}
			if r.Enabled && fits(socket) {
				n++
				if !slices.Contains(all, next) {
					all = append(all, next)
				}
			}
		}
		return n
	}
	usual := func(kind runtimes.Kind) { all = append(all, runtimes.DefaultSockets(kind)...) }
	every := func(string) bool { return true }

	if add(runtimes.Containerd, e.Containerd, every)+add(runtimes.Containerd, e.CRI, isContainerd) == 0 && e.Containerd.Enabled {
		usual(runtimes.Containerd)
	}
	add(runtimes.CRI, e.CRI, func(s string) bool { return !isContainerd(s) })
	if e.CRI.Enabled && len(e.CRI.Sockets) == 0 {
		usual(runtimes.CRI)
	}
	for _, d := range []struct {
		kind runtimes.Kind
		of   config.Runtime
	}{{runtimes.Docker, e.Docker}, {runtimes.Podman, e.Podman}} {
		if add(d.kind, d.of, every) == 0 && d.of.Enabled {
			usual(d.kind)
		}
	}
	return all
}

// onHost is the name of a socket as it is below the host's root, where the usual link from /var/run to /run would lead
// back out of it.
func onHost(socket string) string {
	socket = strings.TrimPrefix(socket, "unix://")
	if rest, ok := strings.CutPrefix(socket, "/var/run/"); ok {
		return "/run/" + rest
	}
	return socket
}
