package enrich

import (
	"context"

	"github.com/saker-sensor/saker/internal/enrich/runtimes"
)

// client is a connection to a runtime. It lasts until the context that it was dialled with ends.
type client interface {
	// Events sends what changes from the call on, until the context ends or the runtime fails; the error goes to the second
	// channel.
	Events(ctx context.Context) (<-chan runtimes.Change, <-chan error)
	// List returns all containers.
	List(ctx context.Context) (runtimes.Listing, error)
	// Get returns one container, or [runtimes.ErrNotFound]. The namespace is empty where there are none, or if it is not known.
	Get(ctx context.Context, namespace, id string) (*runtimes.Container, error)
}

// dial connects to a runtime and has it answer, within [runtimes.ConnectTimeout].
func dial(ctx context.Context, kind runtimes.Kind, socket string, s runtimes.Settings) (c client, version string, err error) {
	switch kind {
	case runtimes.Containerd:
		c, version, err = runtimes.DialContainerd(ctx, socket, s)
	case runtimes.CRI:
		c, version, err = runtimes.DialCRI(ctx, socket, s)
	default:
		c, version, err = runtimes.DialDocker(ctx, kind, socket, s)
	}
	if err != nil {
		return nil, "", err // not c, which holds a nil pointer
	}
	return c, version, nil
}
