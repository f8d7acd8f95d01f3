package stream

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/credentials"
)

// session is a connection's part of its calls.
type session struct {
	credentials.AuthInfo
	// last is the position of the last call that ended in good order; nil before.
	last atomic.Pointer[uint64]
}

// handshake lets a peer in, and gives its connection a session.
type handshake struct {
	credentials.TransportCredentials
	// check looks at the peer before anything is read from it; nil lets all in.
	check   func(net.Conn) error
	refused *refusals
}

// ServerHandshake implements [credentials.TransportCredentials].
func (h *handshake) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if h.check != nil {
		if err := h.check(raw); err != nil {
			h.refused.add(err)
			return nil, nil, err
		}
	}
	c, info, err := h.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		h.refused.add(err)
		return nil, nil, err
	}
	return c, &session{AuthInfo: info}, nil
}

// Clone implements [credentials.TransportCredentials].
func (h *handshake) Clone() credentials.TransportCredentials {
	return &handshake{h.TransportCredentials.Clone(), h.check, h.refused}
}

// refusals counts peers that were not let in, and logs them once a minute: anybody who reaches the port can be one.
type refusals struct {
	log *zap.Logger

	mu     sync.Mutex
	count  uint64
	logged time.Time
}

const logInterval = time.Minute

func (r *refusals) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	if !r.logged.IsZero() && time.Since(r.logged) < logInterval {
		return
	}
	r.logged = time.Now()
	r.log.Warn("a gRPC client was refused", zap.Uint64("refused", r.count), zap.Error(err))
}

// checkPeer lets root, the sensor's own user and members of the socket's group in. The socket's mode says the same, but
// may have been changed.
func checkPeer(c net.Conn, path string) error {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return errors.New("look at the peer: the connection has no descriptor")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return fmt.Errorf("look at the peer: %w", err)
	}
	var cred *unix.Ucred
	var groups []uint32
	var credErr, groupsErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		groups, groupsErr = peerGroups(fd)
	}); err != nil {
		return fmt.Errorf("look at the peer: %w", err)
	}
	if credErr != nil {
		return fmt.Errorf("look at the peer: %w", credErr)
	}
	if cred.Uid == 0 || cred.Uid == uint32(os.Geteuid()) {
		return nil
	}
	var socket unix.Stat_t
	if err := errors.Join(groupsErr, unix.Stat(path, &socket)); err != nil {
		return fmt.Errorf("look at the peer's groups: %w", err)
	}
	if cred.Gid == socket.Gid || slices.Contains(groups, socket.Gid) {
		return nil
	}
	return fmt.Errorf("process %d of uid %d is neither root's, nor the sensor's, nor in the group of %s (gid %d)", cred.Pid, cred.Uid, path,
		socket.Gid)
}

// peerGroups are the peer's supplementary groups when it connected (SO_PEERGROUPS, Linux 4.13).
func peerGroups(fd uintptr) ([]uint32, error) {
	const most = 65536 // NGROUPS_MAX
	for n := 64; n <= most; n *= 32 {
		groups := make([]uint32, n)
		size := uint32(4 * n)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch errno {
		case 0:
			return groups[:size/4], nil
		case unix.ERANGE: // there are more
		default:
			return nil, fmt.Errorf("getsockopt SO_PEERGROUPS: %w", errno)
		}
	}
	return nil, errors.New("getsockopt SO_PEERGROUPS: too many groups")
}
