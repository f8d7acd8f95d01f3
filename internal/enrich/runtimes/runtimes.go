// Package runtimes asks container runtimes about their containers: containerd by its own interface, every CRI runtime by
// Kubernetes' interface, Docker and Podman by Docker's. Each has one client with the same methods: Events, List and Get.
//
// The clients keep no containers and know no cgroups. What a runtime says is bounded in size before it is returned.
package runtimes

import (
	"context"
	"errors"
	"time"

	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/event"
)

// Kind is the interface by which a runtime is asked.
type Kind string

const (
	// Containerd by its own interface, which reports a container before it starts.
	Containerd Kind = cgroup.Containerd
	// CRI is Kubernetes' interface: CRI-O and every other runtime that a kubelet can use.
	CRI Kind = "cri"
	// Docker and Podman by Docker's interface.
	Docker Kind = cgroup.Docker
	Podman Kind = cgroup.Podman
)

// Runtime is a runtime to watch.
type Runtime struct {
	Kind Kind
	// Socket is its path on the host. A container should mount the folder, not the socket: a restarted runtime makes a new one.
	Socket string
}

// ConnectTimeout bounds how long a runtime may take to accept a connection and to say its version.
const ConnectTimeout = 5 * time.Second

// Settings of a client.
type Settings struct {
	// HostRoot is a directory that has all of the host's files; it goes before the paths that a runtime returns.
	HostRoot string
	// Untrusted: the runtime belongs to a user, who may send anything. Its answers are bounded more tightly.
	Untrusted bool
	// Concurrent is the number of requests that may be sent at the same time.
	Concurrent int
	// Known returns what is known of another container of the same runtime, nil if nothing is.
	Known func(namespace, id string) *Details
	// Failed is called for each request that failed and whose error the client does not return.
	Failed func()
	// ImageIDs outlives a connection.
	ImageIDs *ImageIDs
}

// ErrNotFound: the runtime does not have the container.
var ErrNotFound = errors.New("there is no such container")

// Change names a container that changed. Little else in a runtime's event is used: the rest is asked for.
type Change struct {
	// Namespace is containerd's; empty for other runtimes.
	Namespace, ID string
	// Container is a new container as far as the event describes it, from a runtime that does not answer requests about a
	// container while it starts it; nil otherwise.
	Container *Container
	// Started is when the container's first process started, if that is the change.
	Started time.Time
	// All: the event names no container; they have to be listed.
	All bool
}

// Listing is all containers of a runtime.
type Listing struct {
	Containers []*Container
	// Namespaces are containerd's, which are the first components of the cgroup paths that it chooses itself.
	Namespaces []string
}

// Container is what a runtime says of a container at once: enough to know which cgroup is the container's.
type Container struct {
	Namespace, ID string
	// Paths are where its cgroup may be; see [cgroup.SpecPaths].
	Paths []string
	// Created tells it from another container of the same name; Updated changes with the runtime's record of it.
	Created, Updated time.Time
	// Hint is used if Describe does not succeed; nil if nothing is known.
	Hint *event.Container
	// Describe asks for the rest. Parts that the runtime does not return are left empty; nil if it returns nothing.
	Describe func(ctx context.Context) *Details
}

// Details are what a runtime says of a container when it is asked.
type Details struct {
	Container *event.Container
	// Paths are as in [Container], where they are known only now.
	Paths []string
	// Probes of a pod's sandbox are those of the pod's containers, by name.
	Probes map[string][]event.Probe
	// Root asks for the directories that make up the container's root file system, the uppermost first; nil if they are not
	// known. The container's processes can write to them.
	Root func(ctx context.Context) []string
	// Cut counts the labels and mounts that were left out because of their size or number.
	Cut int
}
