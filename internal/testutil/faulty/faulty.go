// Package faulty puts a network between a test and a server that fails when it is told to.
package faulty

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Mode is what happens to connections, new and old ones.
type Mode int

const (
	// Pass lets everything through.
	Pass Mode = iota
	// Refuse has nobody listen, and ends what is open.
	Refuse
	// Hang takes connections and lets nothing through.
	Hang
	// Reset resets connections once something was sent.
	Reset
)

// Network forwards TCP connections to a server.
type Network struct {
	t      *testing.T
	target string
	// Addr is what clients connect to; it stays.
	Addr string

	mu       sync.Mutex
	mode     Mode
	listener net.Listener
	open     map[net.Conn]bool
}

// New listens on a port of its own, for a server at HOST:PORT. The test's end closes it.
func New(t *testing.T, target string) *Network {
	t.Helper()
	n := &Network{t: t, target: target, open: map[net.Conn]bool{}, Addr: "127.0.0.1:0"}
	n.listen()
	t.Cleanup(func() { n.Set(Refuse) })
	return n
}

// listen is called with the lock, or before there are others.
func (n *Network) listen() {
	l, err := net.Listen("tcp", n.Addr)
	if err != nil {
		n.t.Errorf("listen: %v", err)
		return
	}
	n.listener, n.Addr = l, l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go n.serve(c)
		}
	}()
}

// Set changes the mode. What is open is ended, but for hanging, which it begins.
func (n *Network) Set(m Mode) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mode = m
	if m != Hang {
		for c := range n.open {
			end(c, m == Reset)
		}
	}
	switch {
	case m == Refuse && n.listener != nil:
		_ = n.listener.Close()
		n.listener = nil
	case m != Refuse && n.listener == nil:
		n.listen()
	}
}

// end closes a connection, by a reset or not.
func end(c net.Conn, reset bool) {
	if tcp, ok := c.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func (n *Network) current() Mode {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mode
}

func (n *Network) keep(c net.Conn, open bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if open {
		n.open[c] = true
	} else {
		delete(n.open, c)
	}
}

func (n *Network) serve(c net.Conn) {
	n.keep(c, true)
	defer n.keep(c, false)
	defer func() { _ = c.Close() }()
	server, err := net.Dial("tcp", n.target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		n.copy(c, server)
		_ = c.Close()
	}()
	n.copy(server, c)
}

func (n *Network) copy(to io.Writer, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		got, err := from.Read(buffer)
		if err != nil {
			return
		}
		switch n.current() {
		case Hang:
			_, _ = io.Copy(io.Discard, from) // until it is given up
			return
		case Reset:
			end(from, true)
			return
		}
		if _, err := to.Write(buffer[:got]); err != nil {
			return
		}
	}
}
