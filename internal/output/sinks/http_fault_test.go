package sinks

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/output/outputtest"
	"github.com/saker-sensor/saker/internal/output/spool"
	"github.com/saker-sensor/saker/internal/output/tlsfiles"
	"github.com/saker-sensor/saker/internal/testutil/authority"
	"github.com/saker-sensor/saker/internal/testutil/faulty"
)

// identified is a web server that keeps what it got, and when it fails, fails after it has got it or before.
type identified struct {
	outputtest.Inbox
	mu sync.Mutex
	// broken answers 500 and keeps nothing; forgetful, keeps it and answers 500.
	broken, forgetful bool
}

func (s *identified) set(broken, forgetful bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken, s.forgetful = broken, forgetful
}

func (s *identified) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken || s.forgetful || err != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
	if !s.broken && err == nil {
		s.Add(output.Message{Text: body, ID: r.Header.Get(IDHeader), Priority: "Notice", Rule: "rule"})
	}
}

// TestHTTPFaults: whatever happens to the server and the network, at the start and in the middle, every alert arrives, in
// order, and twice only with the same id. With a spool and without.
func TestHTTPFaults(t *testing.T) {
	a := authority.New(t)
	a.Issue("server", time.Now().Add(time.Hour))
	server := func(t *testing.T) (*identified, *httptest.Server) {
		s := &identified{}
		h := httptest.NewUnstartedServer(s)
		h.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			pair, err := tls.LoadX509KeyPair(a.Path("server.crt"), a.Path("server.key"))
			return &tls.Config{Certificates: []tls.Certificate{pair}}, err
		}}
		h.Config.ErrorLog = log.New(io.Discard, "", 0)
		h.StartTLS()
		t.Cleanup(h.Close)
		return s, h
	}
	mode := func(m faulty.Mode) func(*identified, *faulty.Network, bool) {
		return func(_ *identified, n *faulty.Network, on bool) {
			if on {
				n.Set(m)
			} else {
				n.Set(faulty.Pass)
			}
		}
	}
	for name, fault := range map[string]func(s *identified, n *faulty.Network, on bool){
		"refused":            mode(faulty.Refuse),
		"hangs":              mode(faulty.Hang),
		"reset":              mode(faulty.Reset),
		"500":                func(s *identified, _ *faulty.Network, on bool) { s.set(on, false) },
		"500, and it has it": func(s *identified, _ *faulty.Network, on bool) { s.set(false, on) },
		"an expired certificate": func(_ *identified, n *faulty.Network, on bool) {
			until := time.Hour
			if on {
				until = -time.Minute
			}
			a.Issue("server", time.Now().Add(until))
			n.Set(faulty.Reset) // so that the next connection sees it
			n.Set(faulty.Pass)
		},
	} {
		for _, onDisk := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, spool %v", name, onDisk), func(t *testing.T) {
				s, h := server(t)
				n := faulty.New(t, strings.TrimPrefix(h.URL, "https://"))
				sink := newHTTP(t, HTTPSettings{URL: "https://" + n.Addr, TLS: tlsfiles.Settings{CACert: a.Path("ca.crt")}, KeepAlive: true,
					ShowID: true, Timeout: 200 * time.Millisecond})
				named := output.Named{Name: "http", Sink: sink}
				if onDisk {
					named.Spool = spool.New(spool.Settings{Dir: t.TempDir(), MaxBytes: 1 << 20})
				}
				q := output.NewQueue(outputtest.QuickRetries(), named)
				q.Start()
				next := 0
				for range 2 { // at the start, and in the middle
					before := q.Counters().Retries
					fault(s, n, true)
					next += outputtest.PutNumbered(q, next, next+20)
					outputtest.Until(t, "tries that fail", func() bool { return q.Counters().Retries >= before+2 })
					fault(s, n, false)
					next += outputtest.PutNumbered(q, next, next+20)
					outputtest.Until(t, "the alerts delivered", func() bool { return q.Counters().Written == uint64(next) })
				}
				if err := q.Close(outputtest.Deadline(t)); err != nil {
					t.Fatal(err)
				}
				if next != 80 {
					t.Errorf("%d of 80 were taken", next)
				}
				s.Check(t, 0, next)
				outputtest.CheckSum(t, q.Counters().SinkTotals)
			})
		}
	}
}
