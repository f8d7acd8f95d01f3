// Package hosts knows which addresses the host names have that rules compare with. It looks them up in the background, again and
// again, and hands on an immutable table: whoever reads that waits for nothing.
package hosts

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/saker-sensor/saker/internal/event"
)

// Resolver finds the addresses of a host name. [net.Resolver] is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Settings of a watcher. What is 0 has the value in the comment.
type Settings struct {
	// Resolver is asked; nil for the machine's own.
	Resolver Resolver
	// MaxNames bounds the names (1024), MaxAddresses the addresses of one (256).
	MaxNames, MaxAddresses int
	// First is the time until a name is asked for again, after its addresses changed or there was no answer (10 s); it doubles up to Last
	// (320 s) as long as nothing changes. Timeout bounds one look-up (5 s).
	First, Last, Timeout time.Duration
	// Failed is told when a look-up fails after one that did not, or for another reason; nil if nobody wants to know.
	Failed func(name string, err error)
}

// lookups bounds how many names are asked for at once.
const lookups = 8

// Watcher looks names up. Its methods may be called by any goroutine.
type Watcher struct {
	settings Settings
	table    atomic.Pointer[event.Hosts]
	renewed  chan struct{}

	mu    sync.Mutex // guards what follows
	names []*name
	cut   uint64
	fails uint64
	// asked is closed when every name was looked up once.
	asked chan struct{}

	stop context.CancelFunc
	done sync.WaitGroup
}

// name is a host name and what is known of it.
type name struct {
	text      string
	addresses []netip.Addr // sorted
	asked     bool
	failure   string
	wait      time.Duration
	due       time.Time
}

// Counters are the names and addresses at the moment, and since the start the failed look-ups and what was beyond the bounds.
type Counters struct {
	Names, Addresses int
	Failures, Cut    uint64
}

// New makes a watcher without names.
func New(s Settings) *Watcher {
	if s.Resolver == nil {
		s.Resolver = net.DefaultResolver
	}
	orDefault(&s.MaxNames, 1024)
	orDefault(&s.MaxAddresses, 256)
	orDefault(&s.First, 10*time.Second)
	orDefault(&s.Last, 320*time.Second)
	orDefault(&s.Timeout, 5*time.Second)
	w := &Watcher{settings: s, renewed: make(chan struct{}, 1), asked: make(chan struct{})}
	w.table.Store(&event.Hosts{})
	return w
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Hosts are the names by their addresses, as the latest answers have them.
func (w *Watcher) Hosts() event.Hosts { return *w.table.Load() }

// Watch replaces the names. What is known of those that stay is kept; the others are looked up soon.
func (w *Watcher) Watch(names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := make(map[string]*name, len(w.names))
	for _, n := range w.names {
		known[n.text] = n
	}
	if beyond := len(names) - w.settings.MaxNames; beyond > 0 {
		w.cut += uint64(beyond)
		names = names[:w.settings.MaxNames]
	}
	w.names = make([]*name, len(names))
	for i, text := range names {
		if w.names[i] = known[text]; w.names[i] == nil {
			w.names[i] = &name{text: text}
		}
	}
	w.asked = make(chan struct{})
	w.publish()
	select {
	case w.renewed <- struct{}{}:
	default:
	}
}

// Start looks up in goroutines of its own, until Close.
func (w *Watcher) Start(ctx context.Context) {
	ctx, w.stop = context.WithCancel(ctx)
	w.done.Go(func() { w.run(ctx) })
}

// Wait waits until every name was looked up once, with whatever result, but no longer than the limit.
func (w *Watcher) Wait(limit time.Duration) {
	w.mu.Lock()
	asked := w.asked
	w.mu.Unlock()
	select {
	case <-asked:
	case <-time.After(limit):
	}
}

// Close ends the look-ups.
func (w *Watcher) Close() error {
	if w.stop != nil {
		w.stop()
	}
	w.done.Wait()
	return nil
}

// Counters are the counts up to now.
func (w *Watcher) Counters() Counters {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Counters{Names: len(w.names), Addresses: len(w.Hosts()), Failures: w.fails, Cut: w.cut}
}

func (w *Watcher) run(ctx context.Context) {
	for {
		timer := time.NewTimer(time.Until(w.round(ctx)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-w.renewed:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// round looks up the names that are due, and returns when the next one is.
func (w *Watcher) round(ctx context.Context) time.Time {
	var running sync.WaitGroup
	free := make(chan struct{}, lookups)
	for _, n := range w.dueNames(time.Now()) {
		free <- struct{}{}
		running.Go(func() {
			defer func() { <-free }()
			w.lookup(ctx, n)
		})
	}
	running.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	next := time.Now().Add(w.settings.Last)
	for _, n := range w.names {
		if n.due.Before(next) {
			next = n.due
		}
	}
	return next
}

func (w *Watcher) dueNames(now time.Time) (due []*name) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.names {
		if !n.due.After(now) {
			due = append(due, n)
		}
	}
	return due
}

// lookup asks for one name. The addresses of a name that does not exist are forgotten; where nobody answers, they stay.
func (w *Watcher) lookup(ctx context.Context, n *name) {
	ctx, cancel := context.WithTimeout(ctx, w.settings.Timeout)
	defer cancel()
	addresses, err := w.settings.Resolver.LookupNetIP(ctx, "ip", n.text)
	if errors.Is(ctx.Err(), context.Canceled) {
		return // the watcher ends
	}
	for i, a := range addresses {
		addresses[i] = a.Unmap().WithZone("")
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	addresses = slices.Compact(addresses)

	w.mu.Lock()
	told := w.answered(n, addresses, err)
	w.mu.Unlock()
	if told && w.settings.Failed != nil {
		w.settings.Failed(n.text, err)
	}
}

// answered keeps the answer, and tells whether its error is a new one.
func (w *Watcher) answered(n *name, addresses []netip.Addr, err error) (fresh bool) {
	if beyond := len(addresses) - w.settings.MaxAddresses; beyond > 0 {
		w.cut += uint64(beyond)
		addresses = addresses[:w.settings.MaxAddresses]
	}
	var missing *net.DNSError
	gone := errors.As(err, &missing) && missing.IsNotFound
	changed := (err == nil || gone) && !slices.Equal(addresses, n.addresses)
	if changed {
		n.addresses = addresses
		w.publish()
	}
	failure := ""
	if err != nil {
		w.fails++
		failure = err.Error()
	}
	fresh = failure != "" && failure != n.failure
	if n.wait = min(2*n.wait, w.settings.Last); changed || n.wait == 0 || (failure == "") != (n.failure == "") {
		n.wait = w.settings.First
	}
	n.failure, n.asked, n.due = failure, true, time.Now().Add(n.wait)
	w.tellAsked()
	return fresh
}

// publish makes the table of what is known. The lock is held.
func (w *Watcher) publish() {
	table := event.Hosts{}
	for _, n := range w.names {
		for _, a := range n.addresses {
			table[a] = append(table[a], n.text)
		}
	}
	w.table.Store(&table)
	w.tellAsked()
}

// tellAsked ends the waits once no name is left that was not looked up. The lock is held.
func (w *Watcher) tellAsked() {
	if slices.ContainsFunc(w.names, func(n *name) bool { return !n.asked }) {
		return
	}
	select {
	case <-w.asked:
	default:
		close(w.asked)
	}
}
