package enrich

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
)

// Bounds of Docker's answers, in bytes: one about one container or image, the list of all, an event. A user's own
// runtime gets less, because it may send what it likes.
const (
	maxDockerAnswer = 1 << 20
	maxUsersAnswer  = 128 << 10
	maxDockerList   = 32 << 20
	maxDockerEvent  = 128 << 10
)

// dockerClient asks Docker, or Podman, which speaks Docker's interface too: HTTP over a socket, of which five questions are
// needed.
type dockerClient struct {
	*watcher
	http *http.Client
	// systemd: containers lie in scopes of systemd.
	systemd bool

	mu sync.Mutex
	// images are what was told of images, by their id; a few, and forgotten all at once.
	images map[string]dockerImage
}

func dialDocker(ctx context.Context, w *watcher, place string) (client, string, error) {
	transport := &http.Transport{MaxIdleConns: askers + 1, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", place)
	}}
	c := &dockerClient{watcher: w, http: &http.Client{Transport: transport}, images: map[string]dockerImage{}}
	asking, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	version, err := c.ping(asking)
	if err == nil && w.kind == Docker { // Podman's cgroups show by their name what they are
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
func (c *dockerClient) ping(ctx context.Context) (server string, err error) {
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
func (c *dockerClient) ask(ctx context.Context, path string, limit int64, answer any) error {
	if c.within != "" {
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

func (c *dockerClient) open(ctx context.Context, path string) (io.ReadCloser, http.Header, error) {
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
		err = errUnknown
	default:
		err = fmt.Errorf("GET %s: %s", path, response.Status)
	}
	response.Body.Close()
	return nil, nil, err
}

func (c *dockerClient) events(ctx context.Context) (<-chan news, <-chan error) {
	out, failed := make(chan news), make(chan error, 1)
	go func() { failed <- c.stream(ctx, out) }()
	return out, failed
}

// changes are the actions after which a container is looked at again, in Docker's words and Podman's.
var changes = []string{"create", "start", "init", "rename", "update", "destroy", "remove"}

func (c *dockerClient) stream(ctx context.Context, out chan<- news) error {
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
		n := news{id: e.Actor.ID}
		if e.Action == "create" && isID(n.id) {
			n.found = &found{id: n.id, paths: []string{n.id}, hint: describeDockerEvent(c.kind, n.id, e.Actor.Attributes)}
		}
		if e.Action == "start" && e.TimeNano > 0 {
			n.started = time.Unix(0, e.TimeNano)
		}
		select {
		case out <- n:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// list names the containers only: each is asked for.
func (c *dockerClient) list(ctx context.Context) (listing, error) {
	var all []struct{ ID string }
	if err := c.ask(ctx, "/containers/json?all=1", maxDockerList, &all); err != nil {
		return listing{}, fmt.Errorf("list the containers: %w", err)
	}
	var out listing
	for _, x := range all {
		out.containers = append(out.containers, &found{id: x.ID, describe: func(ctx context.Context) *details {
			f, err := c.get(ctx, "", x.ID)
			if err != nil {
				return nil
			}
			return f.describe(ctx)
		}})
	}
	return out, nil
}

func (c *dockerClient) get(ctx context.Context, _, id string) (*found, error) {
	x, err := c.inspect(ctx, id)
	if err != nil {
		return nil, err
	}
	if x.ID != id { // Docker takes names and parts of ids too
		return nil, errUnknown
	}
	paths := dockerPaths(x, c.kind, c.systemd)
	return &found{id: id, paths: paths, describe: func(ctx context.Context) *details {
		d := describeDocker(c.kind, x, c.image(ctx, x.Image))
		if other, ok := strings.CutPrefix(x.HostConfig.NetworkMode, "container:"); ok && d.container.IP == "" {
			// It shares the network of another.
			if y, err := c.inspect(ctx, other); err == nil {
				d.container.IP = y.ip()
			}
		}
		d.paths = paths
		d.root = func(context.Context) layers { return x.layers(c.host.root) }
		return d
	}}, nil
}

func (c *dockerClient) inspect(ctx context.Context, id string) (*dockerContainer, error) {
	x := &dockerContainer{}
	return x, c.ask(ctx, "/containers/"+url.PathEscape(id)+"/json", maxDockerAnswer, x)
}

// image asks for an image by its id. What names it may change, so nothing is remembered for long.
func (c *dockerClient) image(ctx context.Context, id string) dockerImage {
	c.mu.Lock()
	img, ok := c.images[id]
	c.mu.Unlock()
	if ok || id == "" {
		return img
	}
	if err := c.ask(ctx, "/images/"+url.PathEscape(id)+"/json", maxDockerAnswer, &img); err != nil {
		if !errors.Is(err, errUnknown) {
			c.counters.runtimeErrors.Add(1)
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
