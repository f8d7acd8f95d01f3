package probe

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// waiter sleeps until a ring's writer or another goroutine wakes it.
type waiter struct {
	epoll, wake int
}

func newWaiter(fds ...int) (*waiter, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make an eventfd: %w", err), unix.Close(epoll))
	}
	w := &waiter{epoll, wake}
	for _, fd := range append(fds, wake) {
		// Edge triggered: the rings are polled anyway, only a wake-up from the kernel is of interest.
		ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(fd)}
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
			return nil, errors.Join(fmt.Errorf("watch the rings: %w", err), w.close())
		}
	}
	return w, nil
}

func (w *waiter) close() error { return errors.Join(unix.Close(w.epoll), unix.Close(w.wake)) }

// Wait returns when the kernel or [Probe.Wake] says so, at the latest after the timeout, which is rounded up to ms.
func (p *Probe) Wait(timeout time.Duration) error {
	var events [4]unix.EpollEvent
	ms := int((timeout + time.Millisecond - 1) / time.Millisecond)
	n, err := unix.EpollWait(p.waiter.epoll, events[:], ms)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for records: %w", err)
	}
	for _, e := range events[:max(n, 0)] {
		if int(e.Fd) == p.waiter.wake {
			var b [8]byte
			_, _ = unix.Read(p.waiter.wake, b[:]) // only resets the count
		}
	}
	return nil
}

// Wake ends a [Probe.Wait], also one that has not begun. Safe for any goroutine until Close.
func (p *Probe) Wake() {
	one := [8]byte{1}
	_, _ = unix.Write(p.waiter.wake, one[:]) // full means that a wake-up is pending already
}
