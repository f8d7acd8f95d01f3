package enrich

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/enrich/runtimes"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/testutil"
)

// serve lets handle answer each connection to a socket, until the test's end.
func serve(t *testing.T, handle func(net.Conn)) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	testutil.ServeUnix(t, socket, handle)
	return socket
}

// anyone may use any socket.
func anyone(string) error { return nil }

// TestBrokenSockets: whatever answers at a socket, there is one line that says what is wrong, and nothing else suffers.
func TestBrokenSockets(t *testing.T) {
	t.Parallel()
	silent := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	garbage := func(c net.Conn) {
		_, _ = c.Write([]byte(strings.Repeat("\x00\xff<html>\r\n\r\n", 1000)))
		c.Close()
	}
	closed := func(c net.Conn) { c.Close() }
	web := func(c net.Conn) {
		server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<html>welcome</html>")
		})}
		_ = server.Serve(&single{conn: c})
	}
	endless := func(c net.Conn) {
		server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Api-Version", "1.41")
			for {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		})}
		_ = server.Serve(&single{conn: c})
	}
	handlers := map[string]func(net.Conn){"silent": silent, "garbage": garbage, "closed": closed, "web": web, "endless": endless}
	for name, handle := range handlers {
		for _, kind := range []runtimes.Kind{runtimes.Containerd, runtimes.CRI, runtimes.Docker, runtimes.Podman} {
			if name == "endless" && kind != runtimes.Docker {
				continue
			}
			t.Run(string(kind)+", "+name, func(t *testing.T) {
				t.Parallel()
				r := newRigOf(t, runtimes.Runtime{Kind: kind, Socket: serve(t, handle)})
				r.until("the failure", func() bool { return r.Status()[0].Err != nil })
				if s := r.Status()[0]; s.Connection != Absent || strings.Contains(s.Err.Error(), "\n") || len(s.Err.Error()) > 500 {
					t.Errorf("%s: %v", s.Connection, s.Err)
				}
				if ev := (&event.Event{CgroupID: 1}); r.Attach(ev) != Host {
					t.Error("an event of the host is not known as such")
				}
				began := time.Now()
				if _, err := Ask(t.Context(), r.Status()[0].Runtime, "", anyone); err == nil ||
					time.Since(began) > runtimes.ConnectTimeout+30*time.Second {
					t.Errorf("asked once: %v after %v", err, time.Since(began))
				}
			})
		}
	}
	absent := runtimes.Runtime{Kind: runtimes.Docker, Socket: "/does/not/exist"}
	if _, err := Ask(t.Context(), absent, "", anyone); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no socket: %v", err)
	}
}

// single is a listener with one connection.
type single struct {
	conn net.Conn
	done chan struct{}
}

func (s *single) Accept() (net.Conn, error) {
	if s.done == nil {
		s.done = make(chan struct{})
		return s.conn, nil
	}
	<-s.done
	return nil, net.ErrClosed
}

func (s *single) Close() error   { return nil }
func (s *single) Addr() net.Addr { return s.conn.LocalAddr() }

// TestRuntimeHangs: a runtime that stops to answer while it is connected is noticed, what is known of its containers stays,
// and it is taken back.
func TestRuntimeHangs(t *testing.T) {
	t.Parallel()
	c := testutil.StartContainerd(t)
	c.ImportBusybox(t, "default", busybox)
	r := newRig(t, c.Socket)
	r.until("connection", r.connected)
	x := c.Create(t, testutil.ContainerSpec{Namespace: "default", ID: "web", Image: busybox, Args: []string{"/bin/sleep", "600"}})
	r.until("the container", func() bool { _, state := r.event(x, 0); return state == Known })
	c.Hang(t)
	r.until("notice of it", func() bool { return r.Status()[0].Connection == Lost })
	if err := r.Status()[0].Err; err == nil || !strings.Contains(err.Error(), "does not answer") && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the reason: %v", err)
	}
	if ev, state := r.event(x, 0); state != Known || ev.Container.ID != "web" {
		t.Errorf("while it hangs: %v", state)
	}
	c.Resume(t)
	r.until("connection", r.connected)
}
