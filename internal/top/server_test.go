package top

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/saker-sensor/saker/internal/unixsocket"
)

const deadline = time.Minute

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	ticks := time.NewTicker(5 * time.Millisecond)
	defer ticks.Stop()
	for timeout := time.After(deadline); !so(); {
		select {
		case <-ticks.C:
		case <-timeout:
			t.Fatalf("never so: %s", what)
		}
	}
}

func serve(t *testing.T) (*Server, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "saker", "top.sock")
	s := Start(path, zap.NewNop())
	t.Cleanup(s.Close)
	eventually(t, "it listens", func() bool { st, err := os.Stat(path); return err == nil && st.Mode().Perm() == socketMode })
	return s, path
}

func TestServer(t *testing.T) {
	s, path := serve(t)
	if s.Watched() {
		t.Error("somebody looks before anybody came")
	}
	s.Publish(&Report{Seconds: 1}) // to nobody
	var got []*Report
	done := make(chan error, 1)
	go func() {
		done <- Watch(t.Context(), path, func(r *Report) (bool, error) {
			got = append(got, r)
			return len(got) < 2, nil
		})
	}()
	eventually(t, "somebody looks", s.Watched)
	want := Row{Name: "R", Counts: Counts{Alerts: 3}}
	s.Publish(&Report{Seconds: 1.5, Rules: Table{Rows: []Row{want}}})
	s.Publish(&Report{Seconds: 2.5})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Seconds != 1.5 || got[1].Seconds != 2.5 || len(got[0].Rules.Rows) != 1 || got[0].Rules.Rows[0] != want {
		t.Errorf("got %+v", got)
	}
	eventually(t, "nobody looks", func() bool { return !s.Watched() })
}

// TestSlowViewer: who does not read keeps nobody waiting, and is told how much it missed.
func TestSlowViewer(t *testing.T) {
	s, path := serve(t)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it looks", s.Watched)
	var missed uint64
	name := strings.Repeat("x", 1<<20)
	for n := 0; missed == 0; n++ {
		if n > 1000 {
			t.Fatal("a viewer that does not read misses nothing")
		}
		s.Publish(&Report{Rules: Table{Rows: []Row{{Name: name}}}})
		s.mu.Lock()
		for v := range s.viewers {
			missed = v.missed
		}
		s.mu.Unlock()
	}
	conn.Close()
	eventually(t, "it is gone", func() bool { return !s.Watched() })
}

func TestTooManyViewers(t *testing.T) {
	s, path := serve(t)
	for range maxViewers {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	eventually(t, "all look", func() bool { return s.count.Load() == maxViewers })
	err := Watch(t.Context(), path, func(*Report) (bool, error) { return true, nil })
	if err == nil || !strings.Contains(err.Error(), "8 others look already") {
		t.Errorf("got %v", err)
	}
}

// TestEnd: a viewer learns that the sensor has ended, and ends well when it is told to.
func TestEnd(t *testing.T) {
	s, path := serve(t)
	for _, tt := range []struct {
		name string
		end  func(cancel context.CancelFunc)
		fits func(error) bool
	}{
		{"the viewer", func(cancel context.CancelFunc) { cancel() }, func(err error) bool { return err == nil }},
		{"the sensor", func(context.CancelFunc) { s.Close() },
			func(err error) bool { return err != nil && strings.Contains(err.Error(), "the sensor has ended") }},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- Watch(ctx, path, func(*Report) (bool, error) { return true, nil }) }()
		eventually(t, tt.name+" is there", s.Watched)
		tt.end(cancel)
		if err := <-done; !tt.fits(err) {
			t.Errorf("%s ends: %v", tt.name, err)
		}
		cancel()
		eventually(t, tt.name+" is gone", func() bool { return !s.Watched() })
	}
	if err := Watch(t.Context(), path, nil); err == nil || !strings.Contains(err.Error(), "no sensor listens on "+path) {
		t.Errorf("without a sensor: %v", err)
	}
}

// TestSocket: a socket that a dead sensor has left is taken over, one of a live sensor and other files are not; the log
// tells once, and the server comes when it can.
func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "top.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unixsocket.Listen(t.Context(), path, socketMode); err == nil {
		t.Error("a live sensor's socket was taken")
	}
	core, logged := observer.New(zap.WarnLevel)
	s := Start(path, zap.New(core))
	defer s.Close()
	eventually(t, "the log tells", func() bool { return logged.FilterMessageSnippet("top.socket").Len() == 1 })
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	eventually(t, "the old socket is taken over", func() bool {
		conn, err := net.Dial("unix", path)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := unixsocket.Listen(t.Context(), file, socketMode); err == nil {
		t.Error("a file was taken for a socket")
	}
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		t.Error("a file was removed")
	}
}
