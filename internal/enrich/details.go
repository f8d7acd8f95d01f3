package enrich

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/errdefs"

	"github.com/saker-sensor/saker/internal/event"
)

// maxImageConfigs bounds the images whose configuration's digest is remembered.
const maxImageConfigs = 1024

// imageConfigs are the digests of images' configurations, by the digest of the image. They never change.
type imageConfigs struct {
	mu sync.Mutex
	of map[string]string
}

func (c *imageConfigs) get(digest string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, ok := c.of[digest]
	return id, ok
}

func (c *imageConfigs) set(digest, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil || len(c.of) >= maxImageConfigs {
		c.of = map[string]string{}
	}
	c.of[digest] = id
}

// image asks for a container's image. A name may be given to another image later, so it is asked for each time.
func (s *session) image(ctx context.Context, c containers.Container) image {
	if c.Image == "" {
		return image{}
	}
	img, err := s.client.GetImage(ctx, c.Image)
	if err != nil {
		if !errdefs.IsNotFound(err) {
			s.counters.runtimeErrors.Add(1)
		}
		return image{}
	}
	digest := img.Target().Digest.String()
	id, ok := s.configs.get(digest)
	if !ok {
		if config, err := img.Config(ctx); err == nil {
			id = strings.TrimPrefix(config.Digest.String(), "sha256:")
			s.configs.set(digest, id)
		}
	}
	return image{digest: digest, id: id}
}

// sandbox finds what is known of a container's sandbox: as a container, or where the runtime has none for it (a
// virtual machine), from the sandbox store of containerd 2.
func (s *session) sandbox(ctx context.Context, namespace string, c containers.Container, id string) *event.Container {
	if id == "" || id == c.ID {
		return nil
	}
	if known := s.cache.get(key{s.socket, namespace, id}); known != nil {
		return known.container
	}
	found, err := s.client.ContainerService().Get(ctx, id)
	if errdefs.IsNotFound(err) {
		store, storeErr := s.client.SandboxStore().Get(ctx, id)
		found, err = containers.Container{ID: id, Labels: store.Labels, Extensions: store.Extensions}, storeErr
		if storeErr == nil {
			found.Labels = withKind(store.Labels)
		}
	}
	if err != nil {
		if !errdefs.IsNotFound(err) && !errdefs.IsNotImplemented(err) && !errors.Is(err, context.Canceled) {
			s.counters.runtimeErrors.Add(1)
		}
		return nil
	}
	out, _ := buildContainer(namespace, found, parseSpec(found.Spec), image{}, nil)
	return out
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
func (s *session) layers(ctx context.Context, c containers.Container) layers {
	if c.Snapshotter == "" || c.SnapshotKey == "" {
		return nil
	}
	mounts, err := s.client.SnapshotService(c.Snapshotter).Mounts(ctx, c.SnapshotKey)
	if err != nil {
		s.counters.runtimeErrors.Add(1)
		return nil
	}
	return layersOf(mounts, s.host.root)
}
