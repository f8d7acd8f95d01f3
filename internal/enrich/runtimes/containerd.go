package runtimes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	eventsapi "github.com/containerd/containerd/api/events"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/events"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/typeurl/v2"

	"github.com/saker-sensor/saker/internal/enrich/cgroup"
)

// DockerNamespace is the namespace of containerd where Docker puts its containers.
const DockerNamespace = "moby"

// topics are the events of containerd that change what is known.
var topics = []string{
	`topic~="^/containers/(create|update|delete)$"`,
	`topic=="/tasks/start"`,
	`topic~="^/namespaces/(create|delete)$"`,
}

// ContainerdClient asks a containerd by its own interface.
type ContainerdClient struct {
	settings Settings
	client   *containerd.Client

	mu sync.Mutex
	// namespaces are those of the last listing.
	namespaces []string
}

// DialContainerd connects to the socket and asks for the version. The connection is closed when ctx ends.
func DialContainerd(ctx context.Context, socket string, s Settings) (_ *ContainerdClient, version string, err error) {
	conn, err := containerd.New(socket, containerd.WithTimeout(ConnectTimeout))
	if err != nil {
		return nil, "", err
	}
	asking, cancel := context.WithTimeout(ctx, ConnectTimeout)
	defer cancel()
	v, err := conn.Version(asking)
	if err != nil {
		conn.Close()
		return nil, "", err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	return &ContainerdClient{settings: s, client: conn}, v.Version, nil
}

func (c *ContainerdClient) Events(ctx context.Context) (<-chan Change, <-chan error) {
	out, failed := make(chan Change), make(chan error, 1)
	envelopes, errs := c.client.Subscribe(ctx, topics...)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case err := <-errs:
				failed <- err
				return
			case envelope := <-envelopes:
				n, ok := c.change(envelope)
				if !ok {
					continue
				}
				select {
				case out <- n:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out, failed
}

func (c *ContainerdClient) change(envelope *events.Envelope) (n Change, ok bool) {
	if strings.HasPrefix(envelope.Topic, "/namespaces/") {
		return Change{All: true}, true
	}
	value, err := typeurl.UnmarshalAny(envelope.Event)
	if err != nil {
		c.settings.Failed()
		return Change{}, false
	}
	n.Namespace = envelope.Namespace
	switch e := value.(type) {
	case *eventsapi.ContainerCreate:
		n.ID = e.ID
	case *eventsapi.ContainerUpdate:
		n.ID = e.ID
	case *eventsapi.ContainerDelete:
		n.ID = e.ID
	case *eventsapi.TaskStart:
		n.ID, n.Started = e.ContainerID, envelope.Timestamp
	}
	return n, n.ID != ""
}

func (c *ContainerdClient) List(ctx context.Context) (Listing, error) {
	names, err := c.client.NamespaceService().List(ctx)
	if err != nil {
		return Listing{}, fmt.Errorf("list containerd's namespaces: %w", err)
	}
	c.mu.Lock()
	c.namespaces = names
	c.mu.Unlock()
	all := Listing{Namespaces: names}
	for _, name := range names {
		part, err := c.client.ContainerService().List(namespaces.WithNamespace(ctx, name))
		if err != nil {
			return Listing{}, fmt.Errorf("list the containers of %s: %w", name, err)
		}
		for i := range part {
			all.Containers = append(all.Containers, c.container(name, part[i]))
		}
	}
	return all, nil
}

func (c *ContainerdClient) Get(ctx context.Context, namespace, id string) (*Container, error) {
	candidates := []string{namespace}
	if namespace == "" {
		c.mu.Lock()
		candidates = slices.Clone(c.namespaces)
		c.mu.Unlock()
	}
	for _, name := range candidates {
		got, err := c.client.ContainerService().Get(namespaces.WithNamespace(ctx, name), id)
		if errdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return c.container(name, got), nil
	}
	return nil, ErrNotFound
}

func (c *ContainerdClient) container(namespace string, record containers.Container) *Container {
	spec := parseSpec(record.Spec)
	return &Container{
		Namespace: namespace, ID: record.ID, Paths: cgroup.SpecPaths(spec.Linux.CgroupsPath, record.ID),
		Created: record.CreatedAt, Updated: record.UpdatedAt,
		Describe: func(ctx context.Context) *Details {
			ctx = namespaces.WithNamespace(ctx, namespace)
			d := buildContainer(namespace, record, spec, c.image(ctx, record), c.sandbox(ctx, namespace, record, sandboxOf(record, spec)))
			if d.Container.PodSandbox && d.Container.IP == "" && !d.Container.HostNetwork {
				c.addNetwork(ctx, d, record.ID)
			}
			d.Root = func(ctx context.Context) []string {
				return c.rootDirs(namespaces.WithNamespace(ctx, namespace), record)
			}
			return d
		},
	}
}

// image asks for a container's image. A name may be given to another image later, so it is asked for each time.
func (c *ContainerdClient) image(ctx context.Context, record containers.Container) image {
	if record.Image == "" {
		return image{}
	}
	img, err := c.client.GetImage(ctx, record.Image)
	if err != nil {
		if !errdefs.IsNotFound(err) {
			c.settings.Failed()
		}
		return image{}
	}
	digest := img.Target().Digest.String()
	id, ok := c.settings.ImageIDs.get(digest)
	if !ok {
		if config, err := img.Config(ctx); err == nil {
			id = strings.TrimPrefix(config.Digest.String(), "sha256:")
			c.settings.ImageIDs.set(digest, id)
		}
	}
	return image{digest: digest, id: id}
}

// sandbox finds what is known of a container's sandbox: as a container, or where the runtime has none for it (a
// virtual machine), from the sandbox store of containerd 2.
func (c *ContainerdClient) sandbox(ctx context.Context, namespace string, record containers.Container, id string) *Details {
	if id == "" || id == record.ID {
		return nil
	}
	if known := c.settings.Known(namespace, id); known != nil {
		return known
	}
	found, err := c.client.ContainerService().Get(ctx, id)
	if errdefs.IsNotFound(err) {
		store, storeErr := c.client.SandboxStore().Get(ctx, id)
		found, err = containers.Container{ID: id, Labels: store.Labels, Extensions: store.Extensions, Spec: store.Spec}, storeErr
		if storeErr == nil {
			found.Labels = withKind(store.Labels)
		}
	}
	if err != nil {
		if !errdefs.IsNotFound(err) && !errdefs.IsNotImplemented(err) && !errors.Is(err, context.Canceled) {
			c.settings.Failed()
		}
		return nil
	}
	d := buildContainer(namespace, found, parseSpec(found.Spec), image{}, nil)
	if found.Spec == nil { // then it does not say that anything is the host's
		d.Container.HostPID, d.Container.HostNetwork, d.Container.HostIPC = false, false, false
	}
	if d.Container.IP == "" && !d.Container.HostNetwork {
		c.addNetwork(ctx, d, id)
	}
	return d
}

// extensionStored is where the CRI plugin of containerd 2 keeps a sandbox's record, which has the network; the record
// of the sandbox's container is made before the network is.
const extensionStored = "metadata"

// addNetwork adds a sandbox's addresses. containerd 1 has no such store.
func (c *ContainerdClient) addNetwork(ctx context.Context, d *Details, id string) {
	store, err := c.client.SandboxStore().Get(ctx, id)
	if err != nil {
		if !errdefs.IsNotFound(err) && !errdefs.IsNotImplemented(err) {
			c.settings.Failed()
		}
		return
	}
	pod := parseCRI(containers.Container{Extensions: store.Extensions}, extensionStored).Metadata
	d.Container.IP, d.Container.CNI = pod.IP, cniText(pod.CNIResult.Interfaces)
}

// withKind marks labels as a sandbox's.
func withKind(labels map[string]string) map[string]string {
	labels = maps.Clone(labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[labelKind] = "sandbox"
	return labels
}

// rootDirs asks which directories make up a container's root file system.
func (c *ContainerdClient) rootDirs(ctx context.Context, record containers.Container) []string {
	if record.Snapshotter == "" || record.SnapshotKey == "" {
		return nil
	}
	mounts, err := c.client.SnapshotService(record.Snapshotter).Mounts(ctx, record.SnapshotKey)
	if err != nil {
		c.settings.Failed()
		return nil
	}
	return overlayDirs(mounts, c.settings.HostRoot)
}
