package testutil

import (
	"net"
	"testing"
)

// FreeAddress is one of this host, with a port, on which nobody listened a moment ago.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
