package runtimes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/saker-sensor/saker/internal/enrich/cgroup"
)

// Bounds of Docker's answers, in bytes: one about one container or image, the list of all, an event. A user's own
// runtime gets less, because it may send what it likes.
const (
	maxDockerAnswer = 1 << 20
	maxUsersAnswer  = 128 << 10
	maxDockerList   = 32 << 20
	maxDockerEvent  = 128 << 10
)

// DockerClient asks Docker, or Podman, which speaks Docker's interface too: HTTP over a socket, of which five questions are
// needed.
type DockerClient struct {
	settings Settings
	kind     Kind
	http     *http.Client
	// systemd: containers lie in scopes of systemd.
	systemd bool

	mu sync.Mutex
	// images are what was told of images, by their id; a few, and forgotten all at once.
	images map[string]dockerImage
}

// DialDocker connects to the socket of a runtime of the kind [Docker] or [Podman] and asks for the version. The connection is
// closed when ctx ends.
func DialDocker(ctx context.Context, kind Kind, socket string, s Settings) (_ *DockerClient, version string, err error) {
	transport := &http.Transport{MaxIdleConns: s.Concurrent + 1, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}
	c := &DockerClient{settings: s, kind: kind, http: &http.Client{Transport: transport}, images: map[string]dockerImage{}}
	asking, cancel := context.WithTimeout(ctx, ConnectTimeout)
	defer cancel()
	version, err = c.ping(asking)
	if err == nil && kind == Docker { // Podman's cgroups show by their name what they are
		var info struct{ CgroupDriver string }
		err = c.ask(asking, "/info", maxDockerAnswer, &info)
		c.systemd = info.CgroupDriver == "systemd"
	}
	if err != nil {
		transport.CloseIdleConnections()
		return nil, "", err
	}
	context.AfterFunc(ctx, transport.CloseIdleConnections)
	return c, version, nil
}

// ping returns the name and version by which the server calls itself. Podman's answer to /version takes programs to run.
func (c *DockerClient) ping(ctx context.Context) (server string, err error) {
	body, header, err := c.open(ctx, "/_ping")
	if err != nil {
		return "", err
	}
	defer body.Close()
	if header.Get("Api-Version") == "" {
		return "", errors.New("what answers has not Docker's interface")
	}
	return bound(header.Get("Server"), maxNameBytes), nil
}

// ask gets an answer of at most limit bytes.
func (c *DockerClient) ask(ctx context.Context, path string, limit int64, answer any) error {
	if c.settings.Untrusted {
		limit = min(limit, maxUsersAnswer)
	}
	body, _, err := c.open(ctx, path)
	if err != nil {
		return err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return fmt.Errorf("read the answer to %s: %w", path, err)
	}
	if int64(len(text)) > limit {
		return fmt.Errorf("read the answer to %s: it is longer than %d bytes", path, limit)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("read the answer to %s: %w", path, err)
	}
	return nil
}

func (c *DockerClient) open(ctx context.Context, path string) (io.ReadCloser, http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://runtime"+path, nil)
	if err != nil {
		return nil, nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		var outer *url.Error // names a host that there is not
		if errors.As(err, &outer) {
			err = fmt.Errorf("GET %s: %w", path, outer.Err)
		}
		return nil, nil, err
	}
	switch response.StatusCode {
	case http.StatusOK:
		return response.Body, response.Header, nil
	case http.StatusNotFound:
		err = ErrNotFound
	default:
		err = fmt.Errorf("GET %s: %s", path, response.Status)
	}
	response.Body.Close()
	return nil, nil, err
}

func (c *DockerClient) Events(ctx context.Context) (<-chan Change, <-chan error) {
	out, failed := make(chan Change), make(chan error, 1)
	go func() { failed <- c.stream(ctx, out) }()
	return out, failed
}

// changes are the actions after which a container is looked at again, in Docker's words and Podman's.
var changes = []string{"create", "start", "init", "rename", "update", "destroy", "remove"}

func (c *DockerClient) stream(ctx context.Context, out chan<- Change) error {
	body, _, err := c.open(ctx, "/events?filters="+url.QueryEscape(`{"type":["container"]}`))
	if err != nil {
		return err
	}
	defer body.Close()
	bounded := &io.LimitedReader{R: body}
	decoder := json.NewDecoder(bounded)
	for {
		bounded.N = maxDockerEvent
		var e struct {
			Action   string
			TimeNano int64
			Actor    struct {
				ID         string
				Attributes map[string]string
			}
		}
		if err := decoder.Decode(&e); err != nil {
			return err
		}
		if !slices.Contains(changes, e.Action) || e.Actor.ID == "" {
			continue
		}
		n := Change{ID: e.Actor.ID}
		if e.Action == "create" && cgroup.IsID(n.ID) {
			n.Container = &Container{ID: n.ID, Paths: []string{n.ID}, Hint: describeDockerEvent(c.kind, n.ID, e.Actor.Attributes)}
		}
		if e.Action == "start" && e.TimeNano > 0 {
			n.Started = time.Unix(0, e.TimeNano)
		}
		select {
		case out <- n:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// list names the containers only: each is asked for.
func (c *DockerClient) List(ctx context.Context) (Listing, error) {
	var all []struct{ ID string }
	if err := c.ask(ctx, "/containers/json?all=1", maxDockerList, &all); err != nil {
		return Listing{}, fmt.Errorf("list the containers: %w", err)
	}
	var out Listing
	for _, x := range all {
		out.Containers = append(out.Containers, &Container{ID: x.ID, Describe: func(ctx context.Context) *Details {
			f, err := c.Get(ctx, "", x.ID)
			if err != nil {
				return nil
			}
			return f.Describe(ctx)
		}})
	}
	return out, nil
}

func (c *DockerClient) Get(ctx context.Context, _, id string) (*Container, error) {
	x, err := c.inspect(ctx, id)
	if err != nil {
		return nil, err
	}
	if x.ID != id { // Docker takes names and parts of ids too
		return nil, ErrNotFound
	}
	paths := dockerPaths(x, c.kind, c.systemd)
	return &Container{ID: id, Paths: paths, Describe: func(ctx context.Context) *Details {
		d := describeDocker(c.kind, x, c.image(ctx, x.Image))
		if other, ok := strings.CutPrefix(x.HostConfig.NetworkMode, "container:"); ok && d.Container.IP == "" {
			// It shares the network of another.
			if y, err := c.inspect(ctx, other); err == nil {
				d.Container.IP = y.ip()
			}
		}
		d.Paths = paths
		d.Root = func(context.Context) []string { return x.rootDirs(c.settings.HostRoot) }
		return d
	}}, nil
}

func (c *DockerClient) inspect(ctx context.Context, id string) (*dockerContainer, error) {
	x := &dockerContainer{}
	return x, c.ask(ctx, "/containers/"+url.PathEscape(id)+"/json", maxDockerAnswer, x)
}

// image asks for an image by its id. What names it may change, so nothing is remembered for long.
func (c *DockerClient) image(ctx context.Context, id string) dockerImage {
	c.mu.Lock()
	img, ok := c.images[id]
	c.mu.Unlock()
	if ok || id == "" {
		return img
	}
	if err := c.ask(ctx, "/images/"+url.PathEscape(id)+"/json", maxDockerAnswer, &img); err != nil {
		if !errors.Is(err, ErrNotFound) {
			c.settings.Failed()
		}
		return dockerImage{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.images) >= maxImages {
		clear(c.images)
	}
	c.images[id] = img
	return img
}

// maxImages bounds the images that are remembered.
const maxImages = 64
