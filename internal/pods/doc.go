// Package pods keeps what Kubernetes says of the pods of one node and the container runtime does not: their present labels, their
// owners, their namespaces and services.
//
// It watches the API server for this node's pods (spec.nodeName), as metadata only, in protobuf; or it polls the kubelet
// ([Settings].Kubelet), and decodes the answer one pod at a time. Only labels and owners are kept, and the number of pods is bounded.
// [Watcher.Lookup] never blocks; while the API server is away it returns what was known last.
package pods
