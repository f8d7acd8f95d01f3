package testutil

import (
	"net"
	"testing"
)

// ServeUnix lets handle answer each connection to a socket, from a goroutine of its own, until the test's end. What has taken the
// socket's place by then is left alone.
func ServeUnix(tb testing.TB, path string, handle func(net.Conn)) {
	tb.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		tb.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	tb.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go handle(c)
		}
	}()
}
