// Package enrich tells which container, and which pod, an event belongs to.
//
// A process is in a container if its cgroup is one that a runtime made. [ParsePath] knows the forms of the usual
// runtimes; containerd and Docker also say which cgroup they gave to each of their containers. The event loop owns a table
// of cgroups and asks nobody: [Enricher.Attach] only reads. Goroutines of their own watch the runtimes, read account
// files and publish immutable records. A new kind of runtime is a client: events, list, get. An event whose container is not known yet may be put into a bounded waiting
// room ([Enricher.Hold]) until the answer or the deadline comes ([Enricher.Ready]).
package enrich
