// Package node is a Kubernetes cluster of one node for tests: etcd, API server, controller manager, scheduler, kubelet and containerd, all
// real, in a mount and a network namespace and below a cgroup of their own. It needs root, Debian's containerd, runc, CNI plugins and
// iproute2, and the binaries that test/cluster/build makes; no registry and no network.
package node
