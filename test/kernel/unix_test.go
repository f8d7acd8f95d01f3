package kernel

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// unixEndsTrigger connects a client that has a name of its own to a server, and shuts both ends down. Its facts are their descriptors.
func unixEndsTrigger([]string) (any, error) {
	server, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	client, err2 := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	name := &unix.SockaddrUnix{Name: fmt.Sprintf("@saker-server-%d", unix.Getpid())}
	own := &unix.SockaddrUnix{Name: fmt.Sprintf("@saker-client-%d", unix.Getpid())}
	if err := errors.Join(unix.Bind(server, name), unix.Listen(server, 1), unix.Bind(client, own), unix.Connect(client, name)); err != nil {
		return nil, err
	}
	accepted, _, err := unix.Accept(server)
	return []int{client, accepted}, errors.Join(err, unix.Shutdown(client, unix.SHUT_WR), unix.Shutdown(accepted, unix.SHUT_WR))
}

// Of two unix sockets that both have a name, the one that connected is the client's.
func TestUnixEnds(t *testing.T) {
	var fds []int64
	c := trigger(t, &fds, "unix ends")
	for i, server := range []bool{false, true} {
		ev := c.find(fmt.Sprintf("the shutdown of %d", fds[i]), func(ev *event.Event) bool {
			return ev.Tgid == c.pid && ev.Type.String() == "shutdown" && ev.Params[ev.FD].Num == fds[i]
		})
		if s := &ev.Params[ev.FD].Descriptor.Socket; s.Server != server || s.Name == "" {
			t.Errorf("descriptor %d: %+v, want a server: %v", fds[i], s, server)
		}
	}
}
