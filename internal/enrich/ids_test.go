package enrich

// Names of the shape that container and pod ids have.
const (
	idA = "3f5b1c9a0d7e4f62b8a1c3d5e7f90123456789abcdef0123456789abcdef0123"
	idB = "aaaa1c9a0d7e4f62b8a1c3d5e7f90123456789abcdef0123456789abcdef0bbb"
	uid = "6f0d5a5e-1111-2222-3333-444455556666"
)

// What a kubelet and the CRI plugin of containerd write to containers.
const (
	labelContainerName = "io.kubernetes.container.name"
	labelPodName       = "io.kubernetes.pod.name"
	labelPodNamespace  = "io.kubernetes.pod.namespace"
	labelPodUID        = "io.kubernetes.pod.uid"
	labelKind          = "io.cri-containerd.kind"
	annotationSandbox  = "io.kubernetes.cri.sandbox-id"
	annotationApplied  = "kubectl.kubernetes.io/last-applied-configuration"
)
