package enrich

import (
	"context"
	"errors"
	"time"

	"github.com/saker-sensor/saker/internal/event"
)

// Kind is the interface by which a runtime is asked.
type Kind string

const (
	// Containerd by its own interface, which tells of a container before it starts.
	Containerd Kind = "containerd"
	// CRI is Kubernetes' interface: CRI-O and every other runtime that a kubelet can use.
	CRI Kind = "cri"
	// Docker and Podman by Docker's interface.
	Docker Kind = "docker"
	Podman Kind = "podman"
)

// Runtime is a runtime to watch.
type Runtime struct {
	Kind Kind
	// Socket as named on the host. A container should mount its folder: a restarted runtime makes a new socket.
	Socket string
}

// client is a connection to a runtime, which lives until the context of the dialling ends.
type client interface {
	// events sends what changes from the call on, until the context ends or the runtime fails; that goes to the second
	// channel.
	events(ctx context.Context) (<-chan news, <-chan error)
	// list tells all containers.
	list(ctx context.Context) (listing, error)
	// get finds a container, or fails with errUnknown. The namespace is empty where there are none, or if it is not known.
	get(ctx context.Context, namespace, id string) (*found, error)
}

// errUnknown: the runtime does not have the container.
var errUnknown = errors.New("there is no such container")

// news is the name of a container that changed. Little else in an event is believed: the rest is asked for.
type news struct {
	namespace, id string
	// found is a new container as far as the event itself tells, from a runtime that does not answer for a container while it starts it.
	found *found
	// started is when its first process started, if that is the news.
	started time.Time
	// all: no container is named; what there is has to be listed.
	all bool
}

type listing struct {
	containers []*found
	// namespaces are containerd's, which are the first parts of the cgroup paths that it makes up itself.
	namespaces []string
}

// found is a container as it is told at once: enough to know whose a cgroup is.
type found struct {
	namespace, id string
	// paths are where its cgroup may lie; see [runtimePaths].
	paths []string
	// created tells it from another container of the same name, updated whether its record is still what it was.
	created, updated time.Time
	// hint is what counts if the rest can't be had; nil if nothing is known.
	hint *event.Container
	// describe asks for the rest. What cannot be had is left out; nil if nothing can.
	describe func(ctx context.Context) *details
}

// details are what a runtime says of a container.
type details struct {
	container *event.Container
	// paths are as in found, where they are known only now.
	paths []string
	// probes of a sandbox are those of its pod, by container.
	probes map[string][]event.Probe
	// root is where its files lie, nil if that is not known.
	root func(ctx context.Context) layers
	// cut counts the labels and mounts left out.
	cut int
}
