package enrich

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
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
	Socket     string
	Connection Connection
	// Version of the runtime, once it has answered.
	Version string
	// Since is when the connection got into this state.
	Since time.Time
	// Err is why there is no connection; nil if the socket does not exist.
	Err error
}

// watcher follows one containerd. It runs in a goroutine of its own, with a few others that ask for details.
type watcher struct {
	// socket is its name on the host, places are its names here.
	socket   string
	places   []string
	host     host
	cache    *cache
	reader   *reader
	counters *counters
	// requests are the event loop's questions.
	requests chan *want
	state    atomic.Pointer[Status]
	configs  imageConfigs
}

// A watcher looks for an absent socket, and tries a silent one again, this often.
const (
	retryFirst = 100 * time.Millisecond
	retryLast  = 5 * time.Second
	lookEvery  = time.Second
)

func newWatcher(socket string, e *Enricher) *watcher {
	w := &watcher{
		socket: socket, places: e.host.places(socket), host: e.host, cache: e.cache, reader: e.reader, counters: &e.counters,
		requests: make(chan *want, 1024),
	}
	w.state.Store(&Status{Socket: socket, Connection: Absent, Since: time.Now()})
	if _, ok := w.find(); ok {
		w.enter(Connecting, "", nil)
	}
	return w
}

func (w *watcher) status() Status { return *w.state.Load() }

// hopeful tells whether an answer may come.
func (w *watcher) hopeful() bool { return w.state.Load().Connection != Absent }

func (w *watcher) enter(c Connection, version string, err error) {
	old := w.state.Load()
	if version == "" {
		version = old.Version
	}
	since := old.Since
	if old.Connection != c {
		since = time.Now()
	}
	w.state.Store(&Status{Socket: w.socket, Connection: c, Version: version, Since: since, Err: err})
}

// find looks for the socket.
func (w *watcher) find() (place string, ok bool) {
	for _, place := range w.places {
		if info, err := os.Stat(place); err == nil && info.Mode()&os.ModeSocket != 0 {
			return place, true
		}
	}
	return "", false
}

// request passes a question on; a full channel is counted, and the question runs into its deadline.
func (w *watcher) request(q *want) {
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
		place, ok := w.find()
		if !ok {
			w.disconnected(nil)
			sleep(ctx, lookEvery)
			continue
		}
		err := w.guardedSession(ctx, place)
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
		w.enter(Lost, "", err)
	default:
		w.enter(Absent, "", err)
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
		return err
	}
	w.enter(Connected, version, nil)
	return s.follow()
}

// deny answers a question with no.
func (w *watcher) deny(q *want) {
	q.denied.Add(1)
	w.cache.notify()
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
