// Package pods knows of the pods of one node what the container runtime does not tell: the labels that they have now, and who owns them.
//
// It watches the API server, if it is asked to: this node's pods only (spec.nodeName), their metadata only, as protobuf. What is received
// is cut down before it is kept, and the number of pods is bounded. [Watcher.Lookup] only reads, and answers from what was known last
// while the API server is away.
//
// Or it asks the kubelet for them, again and again ([Settings].Kubelet), whose answer is read a pod at a time.
package pods
