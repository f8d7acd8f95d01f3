package enrich

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
)

// dockersNamespace is where Docker puts its containers.
const dockersNamespace = "moby"

// topics are the events of containerd that change what is known.
var topics = []string{
	`topic~="^/containers/(create|update|delete)$"`,
	`topic=="/tasks/start"`,
	`topic~="^/namespaces/(create|delete)$"`,
}

// containerdClient asks a containerd by its own interface.
type containerdClient struct {
	*watcher
	client *containerd.Client

	mu sync.Mutex
	// names are those of its namespaces.
	names []string
}

func dialContainerd(ctx context.Context, w *watcher, place string) (client, string, error) {
	conn, err := containerd.New(place, containerd.WithTimeout(connectTimeout))
	if err != nil {
		return nil, "", err
	}
	asking, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	version, err := conn.Version(asking)
	if err != nil {
		conn.Close()
		return nil, "", err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	return &containerdClient{watcher: w, client: conn}, version.Version, nil
}

func (c *containerdClient) events(ctx context.Context) (<-chan news, <-chan error) {
	out, failed := make(chan news), make(chan error, 1)
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
				n, ok := c.news(envelope)
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

func (c *containerdClient) news(envelope *events.Envelope) (n news, ok bool) {
	if strings.HasPrefix(envelope.Topic, "/namespaces/") {
		return news{all: true}, true
	}
	value, err := typeurl.UnmarshalAny(envelope.Event)
	if err != nil {
		c.counters.runtimeErrors.Add(1)
		return news{}, false
	}
	n.namespace = envelope.Namespace
	switch e := value.(type) {
	case *eventsapi.ContainerCreate:
		n.id = e.ID
	case *eventsapi.ContainerUpdate:
		n.id = e.ID
	case *eventsapi.ContainerDelete:
		n.id = e.ID
	case *eventsapi.TaskStart:
		n.id, n.started = e.ContainerID, envelope.Timestamp
	}
	return n, n.id != ""
}

func (c *containerdClient) list(ctx context.Context) (listing, error) {
	names, err := c.client.NamespaceService().List(ctx)
	if err != nil {
		return listing{}, fmt.Errorf("list containerd's namespaces: %w", err)
	}
	c.mu.Lock()
	c.names = names
	c.mu.Unlock()
	all := listing{namespaces: names}
	for _, name := range names {
		part, err := c.client.ContainerService().List(namespaces.WithNamespace(ctx, name))
		if err != nil {
			return listing{}, fmt.Errorf("list the containers of %s: %w", name, err)
		}
		for i := range part {
			all.containers = append(all.containers, c.found(name, part[i]))
		}
	}
	return all, nil
}

func (c *containerdClient) get(ctx context.Context, namespace, id string) (*found, error) {
	candidates := []string{namespace}
	if namespace == "" {
		c.mu.Lock()
		candidates = slices.Clone(c.names)
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
		return c.found(name, got), nil
	}
	return nil, errUnknown
}

func (c *containerdClient) found(namespace string, record containers.Container) *found {
	spec := parseSpec(record.Spec)
	return &found{
		namespace: namespace, id: record.ID, paths: runtimePaths(spec.Linux.CgroupsPath, record.ID),
		created: record.CreatedAt, updated: record.UpdatedAt,
		describe: func(ctx context.Context) *details {
			ctx = namespaces.WithNamespace(ctx, namespace)
			d := buildContainer(namespace, record, spec, c.image(ctx, record), c.sandbox(ctx, namespace, record, sandboxOf(record, spec)))
			if d.container.PodSandbox && d.container.IP == "" && !d.container.HostNetwork {
				c.addNetwork(ctx, d, record.ID)
			}
			d.root = func(ctx context.Context) layers { return c.layers(namespaces.WithNamespace(ctx, namespace), record) }
			return d
		},
	}
}

// image asks for a container's image. A name may be given to another image later, so it is asked for each time.
func (c *containerdClient) image(ctx context.Context, record containers.Container) image {
	if record.Image == "" {
		return image{}
	}
	img, err := c.client.GetImage(ctx, record.Image)
	if err != nil {
		if !errdefs.IsNotFound(err) {
			c.counters.runtimeErrors.Add(1)
		}
		return image{}
	}
	digest := img.Target().Digest.String()
	id, ok := c.configs.get(digest)
	if !ok {
		if config, err := img.Config(ctx); err == nil {
			id = strings.TrimPrefix(config.Digest.String(), "sha256:")
			c.configs.set(digest, id)
		}
	}
	return image{digest: digest, id: id}
}

// sandbox finds what is known of a container's sandbox: as a container, or where the runtime has none for it (a
// virtual machine), from the sandbox store of containerd 2.
func (c *containerdClient) sandbox(ctx context.Context, namespace string, record containers.Container, id string) *details {
	if id == "" || id == record.ID {
		return nil
	}
	if known := c.known(namespace, id); known != nil {
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
			c.counters.runtimeErrors.Add(1)
		}
		return nil
	}
	d := buildContainer(namespace, found, parseSpec(found.Spec), image{}, nil)
	if found.Spec == nil { // then it does not say that anything is the host's
		d.container.HostPID, d.container.HostNetwork, d.container.HostIPC = false, false, false
	}
	if d.container.IP == "" && !d.container.HostNetwork {
		c.addNetwork(ctx, d, id)
	}
	return d
}

// extensionStored is where the CRI plugin of containerd 2 keeps a sandbox's record, which has the network; the record
// of the sandbox's container is made before the network is.
const extensionStored = "metadata"

// addNetwork adds a sandbox's addresses. containerd 1 has no such store.
func (c *containerdClient) addNetwork(ctx context.Context, d *details, id string) {
	store, err := c.client.SandboxStore().Get(ctx, id)
	if err != nil {
		if !errdefs.IsNotFound(err) && !errdefs.IsNotImplemented(err) {
			c.counters.runtimeErrors.Add(1)
		}
		return
	}
	pod := parseCRI(containers.Container{Extensions: store.Extensions}, extensionStored).Metadata
	d.container.IP, d.container.CNI = pod.IP, cniText(pod.CNIResult.Interfaces)
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

// layers finds where a container's files lie.
func (c *containerdClient) layers(ctx context.Context, record containers.Container) layers {
	if record.Snapshotter == "" || record.SnapshotKey == "" {
		return nil
	}
	mounts, err := c.client.SnapshotService(record.Snapshotter).Mounts(ctx, record.SnapshotKey)
	if err != nil {
		c.counters.runtimeErrors.Add(1)
		return nil
	}
	return layersOf(mounts, c.host.root)
}
