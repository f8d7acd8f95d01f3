package top

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/unixsocket"
)

// maxViewers bounds the connected viewers.
const maxViewers = 8

// slowest is how long a viewer may take for a report.
const slowest = 5 * time.Second

// How long to wait before the socket is tried again: twice as long each time.
const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// socketMode lets the sensor's own user connect.
const socketMode = 0o600

// Server sends reports to its viewers, as lines of JSON over a Unix socket, from goroutines of its own.
type Server struct {
	path string
	log  *zap.Logger
	stop context.CancelFunc
	done sync.WaitGroup

	count   atomic.Int32
	mu      sync.Mutex
	viewers map[*viewer]bool
}

// viewer is one connection.
type viewer struct {
	conn    net.Conn
	reports chan *Report
	// missed reports found the channel full.
	missed uint64
}

// Start begins to listen. What keeps it from that is logged, once, and tried again.
func Start(path string, log *zap.Logger) *Server {
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{path: path, log: log, stop: stop, viewers: map[*viewer]bool{}}
	s.done.Go(func() { s.serve(ctx) })
	return s
}

// Watched reports whether a viewer is connected. It reads one atomic number.
func (s *Server) Watched() bool { return s.count.Load() > 0 }

// Publish hands a report to all viewers. It does not block; the report must not be changed afterwards.
func (s *Server) Publish(r *Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for v := range s.viewers {
		mine := *r
		mine.Missed = v.missed
		select {
		case v.reports <- &mine:
			v.missed = 0
		default:
			v.missed++
		}
	}
}

// Close ends all connections.
func (s *Server) Close() {
	s.stop()
	s.done.Wait()
}

// serve listens until the context ends.
func (s *Server) serve(ctx context.Context) {
	warned := false
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		l, err := unixsocket.Listen(ctx, s.path, socketMode)
		if err == nil {
			wait, warned = firstRetry, false
			unhook := context.AfterFunc(ctx, func() { _ = l.Close() })
			err = s.accept(ctx, l)
			unhook()
			_ = l.Close()
		}
		if ctx.Err() != nil {
			return
		}
		if !warned {
			warned = true
			s.log.Warn("sensor top finds nothing to show; see top.socket", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (s *Server) accept(ctx context.Context, l net.Listener) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		v := &viewer{conn: conn, reports: make(chan *Report, 2)}
		if !s.enter(v) {
			_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
			_ = json.NewEncoder(conn).Encode(refusal{fmt.Sprintf("%d others look already", maxViewers)})
			_ = conn.Close()
			continue
		}
		s.done.Go(func() {
			defer s.leave(v)
			s.show(ctx, v)
		})
	}
}

// refusal is what a viewer gets instead of a report.
type refusal struct {
	Error string `json:"error"`
}

func (s *Server) enter(v *viewer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.viewers) >= maxViewers {
		return false
	}
	s.viewers[v] = true
	s.count.Add(1)
	return true
}

func (s *Server) leave(v *viewer) {
	_ = v.conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.viewers, v)
	s.count.Add(-1)
}

// show sends reports until the viewer leaves.
func (s *Server) show(ctx context.Context, v *viewer) {
	gone := make(chan struct{})
	s.done.Go(func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, v.conn) // a viewer says nothing; this ends when it leaves, or is closed
	})
	for {
		select {
		case <-ctx.Done():
			return
		case <-gone:
			return
		case r := <-v.reports:
			_ = v.conn.SetWriteDeadline(time.Now().Add(slowest))
			if json.NewEncoder(v.conn).Encode(r) != nil {
				return
			}
		}
	}
}
