package hosts

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/saker-sensor/saker/internal/event"
)

// server is a DNS server on the loopback interface.
type server struct {
	t    *testing.T
	conn net.PacketConn

	mu    sync.Mutex
	names map[string][]string
	fails bool
	asked int
}

func startServer(t *testing.T) *server {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, conn: conn, names: map[string][]string{}}
	t.Cleanup(func() { conn.Close() })
	go s.serve()
	return s
}

func (s *server) serve() {
	buf := make([]byte, 512)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(buf[:n]); err != nil || len(m.Questions) != 1 {
			s.t.Errorf("a question that is none: %v", err)
			return
		}
		answer := s.answer(&m)
		packed, err := answer.Pack()
		if err != nil {
			s.t.Error(err)
			return
		}
		_, _ = s.conn.WriteTo(packed, from) // who asked may be gone
	}
}

func (s *server) answer(m *dnsmessage.Message) dnsmessage.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	q := m.Questions[0]
	out := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true}, Questions: m.Questions}
	addresses, ok := s.names[q.Name.String()]
	switch {
	case s.fails:
		out.RCode = dnsmessage.RCodeServerFailure
	case !ok:
		out.RCode = dnsmessage.RCodeNameError
	}
	if out.RCode != dnsmessage.RCodeSuccess {
		return out
	}
	for _, text := range addresses {
		a := netip.MustParseAddr(text)
		h := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}
		switch {
		case a.Is4() && q.Type == dnsmessage.TypeA:
			out.Answers = append(out.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: a.As4()}})
		case a.Is6() && q.Type == dnsmessage.TypeAAAA:
			out.Answers = append(out.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	return out
}

func (s *server) set(name string, addresses ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[name] = addresses
}

func (s *server) remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.names, name)
}

func (s *server) failing(fails bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = fails
}

func (s *server) questions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// resolver asks the server alone.
func (s *server) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", s.conn.LocalAddr().String())
	}}
}

// start watches names, and asks anew each few ms.
func start(t *testing.T, s Settings, names ...string) *Watcher {
	t.Helper()
	s.First, s.Last = 5*time.Millisecond, 20*time.Millisecond
	w := New(s)
	w.Watch(names)
	w.Start(t.Context())
	t.Cleanup(func() { w.Close() })
	return w
}

// expect waits until the table is as wanted.
func expect(t *testing.T, w *Watcher, want map[string][]string) {
	t.Helper()
	hosts := event.Hosts{}
	for text, names := range want {
		hosts[netip.MustParseAddr(text)] = names
	}
	deadline := time.Now().Add(time.Minute)
	for !cmp.Equal(hosts, w.Hosts(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })) {
		if time.Now().After(deadline) {
			t.Fatalf("the hosts are %v, want %v", w.Hosts(), hosts)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestWatch(t *testing.T) {
	s := startServer(t)
	s.set("a.example.", "192.0.2.1", "2001:db8::1")
	s.set("b.example.", "192.0.2.1", "192.0.2.2")
	w := start(t, Settings{Resolver: s.resolver()}, "a.example.", "b.example.")
	w.Wait(time.Minute)
	expect(t, w, map[string][]string{
		"192.0.2.1": {"a.example.", "b.example."}, "192.0.2.2": {"b.example."}, "2001:db8::1": {"a.example."},
	})
	s.set("a.example.", "192.0.2.3")
	expect(t, w, map[string][]string{"192.0.2.1": {"b.example."}, "192.0.2.2": {"b.example."}, "192.0.2.3": {"a.example."}})
	s.set("c.example.", "192.0.2.4")
	w.Watch([]string{"c.example.", "a.example."})
	w.Wait(time.Minute)
	expect(t, w, map[string][]string{"192.0.2.3": {"a.example."}, "192.0.2.4": {"c.example."}})
	s.remove("a.example.") // a name that does not exist any more has no addresses
	expect(t, w, map[string][]string{"192.0.2.4": {"c.example."}})
}

// TestFailures: where nobody answers what was known stays, the failure is told once, and the end of it is seen.
func TestFailures(t *testing.T) {
	s := startServer(t)
	s.set("a.example.", "192.0.2.1")
	told := make(chan string, 100)
	w := start(t, Settings{Resolver: s.resolver(), Failed: func(name string, err error) { told <- name + ": " + err.Error() }}, "a.example.")
	known := map[string][]string{"192.0.2.1": {"a.example."}}
	expect(t, w, known)
	s.failing(true)
	for deadline := time.Now().Add(time.Minute); w.Counters().Failures < 3; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("failures are not counted: %+v", w.Counters())
		}
	}
	expect(t, w, known)
	s.set("a.example.", "192.0.2.9")
	s.failing(false)
	expect(t, w, map[string][]string{"192.0.2.9": {"a.example."}})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 {
		t.Errorf("a failure that lasts is told %d times", len(told))
	}
}

// TestBackoff: a name whose addresses stay is asked for less often.
func TestBackoff(t *testing.T) {
	w := New(Settings{})
	n := &name{text: "a"}
	var waits []time.Duration
	for range 7 {
		w.answered(n, []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil)
		waits = append(waits, n.wait/time.Second)
	}
	if diff := cmp.Diff([]time.Duration{10, 20, 40, 80, 160, 320, 320}, waits); diff != "" {
		t.Errorf("seconds between look-ups (-want +got):\n%s", diff)
	}
	if w.answered(n, nil, nil); n.wait != 10*time.Second {
		t.Errorf("after a change the wait is %v", n.wait)
	}
}

func TestBounds(t *testing.T) {
	s := startServer(t)
	s.set("a.example.", "192.0.2.3", "192.0.2.1", "192.0.2.2")
	w := start(t, Settings{Resolver: s.resolver(), MaxNames: 1, MaxAddresses: 2}, "a.example.", "b.example.")
	expect(t, w, map[string][]string{"192.0.2.1": {"a.example."}, "192.0.2.2": {"a.example."}})
	if c := w.Counters(); c.Names != 1 || c.Addresses != 2 || c.Cut < 2 {
		t.Errorf("counters: %+v", c)
	}
}

// TestNoNames: without names nothing is asked, and nobody waits.
func TestNoNames(t *testing.T) {
	s := startServer(t)
	w := start(t, Settings{Resolver: s.resolver()})
	w.Wait(time.Hour)
	if len(w.Hosts()) != 0 || s.questions() != 0 {
		t.Errorf("hosts %v, %d questions", w.Hosts(), s.questions())
	}
}
