package probe

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// waiter is the reader's sleep. It goes through Go's own poller, so that no thread is blocked in a system call, which
// the runtime would keep looking after.
type waiter struct {
	// ring is the critical ring's map: the one that a record's writer wakes, whichever ring the record is in.
	ring *os.File
	conn syscall.RawConn
	// asleep is shared with the kernel (bpf/maps.h, struct reader); page is the memory that it is in.
	asleep *uint64
	page   []byte
	woken  atomic.Bool
	// looked tells whether the poller has asked once already in this sleep.
	looked bool
	park   func(uintptr) bool
}

func newWaiter(ringFD, readerFD int) (*waiter, error) {
	page, err := unix.Mmap(readerFD, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the reader's state: %w", err)
	}
	w := &waiter{page: page, asleep: (*uint64)(unsafe.Pointer(&page[0]))}
	fd, err := unix.FcntlInt(uintptr(ringFD), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watch the critical ring: %w", err), w.close())
	}
	// Only a descriptor that does not block is given to the poller.
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(fmt.Errorf("watch the critical ring: %w", err), unix.Close(fd), w.close())
	}
	w.ring = os.NewFile(uintptr(fd), "critical ring")
	if w.conn, err = w.ring.SyscallConn(); err != nil {
		return nil, errors.Join(fmt.Errorf("watch the critical ring: %w", err), w.close())
	}
	w.park = func(uintptr) bool {
		again := w.looked
		w.looked = true
		return again
	}
	return w, nil
}

func (w *waiter) close() error {
	err := unix.Munmap(w.page)
	if w.ring != nil {
		err = errors.Join(err, w.ring.Close())
	}
	return err
}

// Wait returns when a record comes, when [Probe.Wake] says so, or after the timeout; at once if a ring holds a record.
// It belongs to the rings' reader.
func (p *Probe) Wait(timeout time.Duration) error {
	w := p.waiter
	atomic.StoreUint64(w.asleep, 1)
	defer atomic.StoreUint64(w.asleep, 0)
	// In this order: a record that comes before the look is seen here, one that comes after it wakes.
	if p.critical.Pending() > 0 || p.bulk.Pending() > 0 {
		return nil
	}
	err := w.ring.SetReadDeadline(time.Now().Add(timeout))
	if err == nil && !w.woken.Swap(false) {
		w.looked = false
		err = w.conn.Read(w.park)
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("wait for records: %w", err)
	}
	return nil
}

// Wake ends a [Probe.Wait], also one that has not begun. Safe for any goroutine until Close.
func (p *Probe) Wake() {
	p.waiter.woken.Store(true)
	_ = p.waiter.ring.SetReadDeadline(time.Now()) // fails only if the probe is closed
}
