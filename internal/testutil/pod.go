package testutil

import (
	"fmt"
	"strings"

	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// PodLabels are those that a kubelet has a container made with.
func PodLabels(pod, namespace, container string) map[string]string {
	return map[string]string{
		"io.kubernetes.pod.name":       pod,
		"io.kubernetes.pod.namespace":  namespace,
		"io.kubernetes.pod.uid":        "11111111-2222-3333-4444-" + fmt.Sprintf("%012x", len(pod)),
		"io.kubernetes.container.name": container,
	}
}

// InPod is a container of a pod of the same name, with as many labels and mounts as a pod's have.
func (c *Containerd) InPod(image, name string) ContainerSpec {
	id := HexID(name)
	labels := PodLabels(name, "identity", "c-"+name)
	for j := range 6 {
		labels[fmt.Sprintf("app.kubernetes.io/label-%d", j)] = strings.Repeat("x", 32)
	}
	return ContainerSpec{
		Namespace: "k8s.io", ID: id, Image: image, Labels: labels, Args: []string{"/bin/true"},
		CgroupsPath: c.Cgroup + "/kubepods/besteffort/pod" + id[:36] + "/" + id, Options: []oci.SpecOpts{oci.WithMounts(kubeletMounts())},
	}
}

// kubeletMounts are the five files and folders that a kubelet mounts into each container.
func kubeletMounts() (out []specs.Mount) {
	for _, dest := range []string{"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/termination-log",
		"/var/run/secrets/kubernetes.io/serviceaccount"} {
		out = append(out, specs.Mount{
			Type: "bind", Destination: dest, Options: []string{"rbind", "rprivate", "rw"},
			Source: "/var/lib/kubelet/pods/6f0d5a5e-1111-2222-3333-444455556666/volumes/kubernetes.io~projected" + dest,
		})
	}
	return out
}
