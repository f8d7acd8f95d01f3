// Package enrich finds the container and the pod that an event belongs to.
//
// A process is in a container if its cgroup is one that a runtime made. Package [cgroup] knows the forms of the usual
// runtimes' paths; containerd and Docker also say which cgroup they gave to each container. The event loop owns a table of
// cgroups and never makes a request: [Enricher.Attach] only reads. Other goroutines watch the runtimes (package [runtimes]),
// read account files and publish immutable records. An event whose container is not known yet may be put into a bounded
// waiting room ([Enricher.Hold]) until the answer or the deadline comes ([Enricher.Ready]).
//
// [cgroup]: github.com/saker-sensor/saker/internal/enrich/cgroup
// [runtimes]: github.com/saker-sensor/saker/internal/enrich/runtimes
package enrich
