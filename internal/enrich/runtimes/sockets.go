package runtimes

import "slices"

// Defaults are the usual sockets of all kinds.
func Defaults() []Runtime {
	return slices.Concat(DefaultSockets(Containerd), DefaultSockets(CRI), DefaultSockets(Docker), DefaultSockets(Podman))
}

// DefaultSockets are where runtimes of a kind usually listen, whether or not one does here. "*" stands for a user id: users may
// start runtimes of their own at any time.
func DefaultSockets(kind Kind) []Runtime {
	var sockets []string
	switch kind {
	case Containerd: // its own, k3s' and RKE2's, k0s', MicroK8s'
		sockets = []string{
			"/run/containerd/containerd.sock", "/run/k3s/containerd/containerd.sock", "/run/k0s/containerd.sock",
			"/var/snap/microk8s/common/run/containerd.sock",
		}
	case CRI: // CRI-O's; cri-dockerd's is left out, because Docker itself says more
		sockets = []string{"/run/crio/crio.sock"}
	case Docker:
		sockets = []string{"/run/docker.sock", "/run/user/*/docker.sock"}
	case Podman:
		sockets = []string{"/run/podman/podman.sock", "/run/user/*/podman/podman.sock"}
	}
	out := make([]Runtime, len(sockets))
	for i, s := range sockets {
		out[i] = Runtime{kind, s}
	}
	return out
}
