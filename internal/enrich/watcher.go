package enrich

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/saker-sensor/saker/internal/enrich/runtimes"
)

// Connection is what a watcher has to do with its runtime.
type Connection string

const (
	// Absent: nothing has ever answered at the socket. Nobody waits for it.
	Absent Connection = "absent"
	// Connecting: the socket is there and has not answered yet.
	Connecting Connection = "connecting"
	// Connected: the containers are listed and events are read.
	Connected Connection = "connected"
	// Lost: it was connected before. What is known stays.
	Lost Connection = "lost"
)

// Status is the state of one watched socket.
type Status struct {
	runtimes.Runtime
	Connection Connection
	// Version of the runtime, once it has answered.
	Version string
	// Since is when the connection got into this state.
	Since time.Time
	// Err is why there is no connection; nil if the socket does not exist.
	Err error
}

// watcher follows one runtime. It runs in a goroutine of its own, with a few others that ask for details; whatever happens
// to them, the event loop does not wait.
type watcher struct {
	kind runtimes.Kind
	// socket is its name on the host, places are its names here.
	socket string
	paths  []string
	// cgroupPrefix is a cgroup path that its containers' cgroups have to be below; empty for a runtime of the machine's. A
	// user's own runtime may report containers of that user only.
	cgroupPrefix string
	// settings of its clients.
	settings runtimes.Settings
	// hasDocker tells whether a Docker is connected.
	hasDocker func() bool
	cache     *cache
	reader    *reader
	counters  *counters
	// requests are the event loop's questions.
	requests chan *query
	state    atomic.Pointer[Status]
}

// A watcher looks for an absent socket, and tries a silent one again, this often.
const (
	retryFirst = 100 * time.Millisecond
	retryLast  = 5 * time.Second
	lookEvery  = time.Second
)

func newWatcher(r runtimes.Runtime, e *Enricher) *watcher {
	w := &watcher{
		kind: r.Kind, socket: r.Socket, paths: e.host.paths(r.Socket), cgroupPrefix: usersCgroup(r.Socket),
		cache: e.cache, reader: e.reader, counters: &e.counters,
		requests: make(chan *query, 1024), hasDocker: e.hasDocker,
	}
	w.settings = runtimes.Settings{
		HostRoot: e.host.root, Untrusted: w.cgroupPrefix != "", Concurrent: concurrentRequests,
		Known: w.known, Failed: func() { w.counters.runtimeErrors.Add(1) }, ImageIDs: &runtimes.ImageIDs{},
	}
	w.state.Store(&Status{Runtime: r, Connection: Absent, Since: time.Now()})
	if _, err := w.find(); err == nil {
		w.setState(Connecting, "", nil)
	}
	return w
}

// Ask asks a runtime for its version, as the watchers do, within a few seconds, if permit allows the socket. The error is
// [os.ErrNotExist] if there is nothing in its place.
func Ask(ctx context.Context, r runtimes.Runtime, hostRoot string, permit func(socket string) error) (version string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := newWatcher(r, &Enricher{host: findHost(hostRoot)})
	place, err := w.find()
	if err != nil {
		return "", err
	}
	if err := permit(place); err != nil {
		return "", fmt.Errorf("connect to %s: %w", w.kind, err)
	}
	_, version, err = w.open(ctx, place)
	return version, err
}

func (w *watcher) status() Status { return *w.state.Load() }

// mayAnswer tells whether an answer may come.
func (w *watcher) mayAnswer() bool { return w.state.Load().Connection != Absent }

func (w *watcher) setState(c Connection, version string, err error) {
	old := w.state.Load()
	if version == "" {
		version = old.Version
	}
	since := old.Since
	if old.Connection != c {
		since = time.Now()
	}
	w.state.Store(&Status{Runtime: old.Runtime, Connection: c, Version: version, Since: since, Err: err})
}

// find looks for the socket. The error is [os.ErrNotExist] if there is nothing in its place.
func (w *watcher) find() (place string, err error) {
	err = os.ErrNotExist
	for _, place := range w.paths {
		info, statErr := os.Stat(place)
		switch {
		case statErr != nil:
		case info.Mode()&os.ModeSocket != 0:
			return place, nil
		case info.IsDir(): // as Docker makes one where it is told to mount a socket that is not there
			err = fmt.Errorf("connect to %s: %s is a folder, not a socket", w.kind, place)
		default:
			err = fmt.Errorf("connect to %s: %s is a file, not a socket", w.kind, place)
		}
	}
	return "", err
}

// open connects and has the runtime answer. The error says in one line what is wrong.
func (w *watcher) open(ctx context.Context, place string) (_ client, version string, err error) {
	began := time.Now()
	// Tried by itself, for the kernel's own word: who dials below wraps it in theirs, or tries until the time is up.
	d := net.Dialer{Timeout: runtimes.ConnectTimeout}
	conn, err := d.DialContext(ctx, "unix", place)
	if err != nil {
		var cause syscall.Errno
		if errors.As(err, &cause) {
			err = cause
		}
		return nil, "", fmt.Errorf("connect to %s: %w", w.kind, err)
	}
	_ = conn.Close()
	c, version, err := dial(ctx, w.kind, place, w.settings)
	switch {
	case err == nil:
		return c, version, nil
	case time.Since(began) >= runtimes.ConnectTimeout:
		return nil, "", fmt.Errorf("connect to %s: it does not answer within %v", w.kind, runtimes.ConnectTimeout)
	}
	return nil, "", fmt.Errorf("connect to %s: it answers something else: %w", w.kind, err)
}

// request passes a question on; a full channel is counted, and the question runs into its deadline.
func (w *watcher) request(q *query) {
	select {
	case w.requests <- q:
	default:
		w.counters.requestsDropped.Add(1)
	}
}

// run connects, follows the events, and connects again, until the context ends.
func (w *watcher) run(ctx context.Context) {
	pause := retryFirst
	for ctx.Err() == nil {
		place, err := w.find()
		if err != nil {
			if errors.Is(err, os.ErrNotExist) {
				err = nil
			}
			w.disconnected(err)
			sleep(ctx, lookEvery)
			continue
		}
		err = w.guardedSession(ctx, place)
		if w.status().Connection == Connected {
			pause = retryFirst
		}
		w.disconnected(err)
		sleep(ctx, pause)
		pause = min(2*pause, retryLast)
	}
}

// disconnected notes that there is no connection: lost if there ever was one.
func (w *watcher) disconnected(err error) {
	switch w.state.Load().Connection {
	case Connected, Lost:
		w.setState(Lost, "", err)
	default:
		w.setState(Absent, "", err)
	}
}

// guardedSession turns a panic into an error.
func (w *watcher) guardedSession(ctx context.Context, place string) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			w.counters.panics.Add(1)
			err = fmt.Errorf("watch %s: panic: %v", w.socket, fault)
		}
	}()
	s, version, err := w.connect(ctx, place)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.list(); err != nil {
		if s.ctx.Err() != nil {
			return context.Cause(s.ctx)
		}
		return err
	}
	w.setState(Connected, version, nil)
	return s.follow()
}

// deny answers a question, if there was one, with no.
func (w *watcher) answerNotFound(q *query) {
	if q != nil {
		q.denied.Add(1)
		w.cache.notify()
	}
}

// known is what has been learned of a container of this runtime; nil if it is not known yet.
func (w *watcher) known(namespace, id string) *runtimes.Details {
	r := w.cache.get(key{w.socket, namespace, id})
	if r == nil {
		return nil
	}
	return &runtimes.Details{Container: r.container, Probes: r.probes}
}

// usersCgroup is where systemd puts what a user runs, if the socket lies in a folder that the user owns: who serves it may
// say anything. Empty for the machine's own runtimes.
func usersCgroup(socket string) string {
	user, ok := strings.CutPrefix(socket, "/run/user/")
	if !ok {
		return ""
	}
	user, _, _ = strings.Cut(user, "/")
	return "/user.slice/user-" + user + ".slice/"
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

var errStreamEnded = errors.New("the event stream ended")
