package testutil

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// linux/io_uring.h
const (
	IoringSetupSQPoll    = 1 << 1
	IoringSetupCQSize    = 1 << 3
	IosqeFixedFile       = 1 << 0
	IosqeIOLink          = 1 << 2
	IosqeAsync           = 1 << 4
	IosqeCQESkip         = 1 << 6
	IoringFileIndexAlloc = ^uint32(0)

	opNop, opPoll, opOpenat, opOpenat2 = 0, 6, 18, 28
	enterGetevents, enterWakeup        = 1 << 0, 1 << 1
	sqNeedWakeup                       = 1 << 0
	offSQEs                            = 0x10000000
	registerFiles                      = 2
)

// UringParams are those of io_uring_setup(2).
type UringParams struct {
	SQEntries, CQEntries, Flags, SQThreadCPU, SQThreadIdle, Features, wqFD uint32
	_                                                                      [3]uint32
	sq                                                                     struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, cqes, flags, _ uint32
		_                                                   uint64
	}
}

// SQE is a request to a ring.
type SQE struct {
	opcode, Flags         uint8
	ioprio                uint16
	fd                    int32
	off, addr             uint64
	len, opFlags          uint32
	UserData              uint64
	bufIndex, Personality uint16
	// FileIndex is the place in the ring's own table, from 1, or IoringFileIndexAlloc.
	FileIndex uint32
	_         [2]uint64

	// What the request points at: it may be read until the request is answered.
	path *[unix.PathMax]byte
	how  *unix.OpenHow
	// second is a further path, data other bytes than a path.
	second, data []byte
}

// wireSQE is the part of an SQE that the kernel sees.
type wireSQE [64]byte

// CQE is an answer.
type CQE struct {
	UserData uint64
	Res      int32
	flags    uint32
}

// Uring is a small client of io_uring, straight on the system calls. Not safe for several goroutines at once.
type Uring struct {
	FD      int
	Params  UringParams
	Entries uint32

	ring, sqes []byte
	keep       []SQE
	pushed     uint32
}

// NewUring makes a ring of so many entries; params may ask for more than that, or be nil.
func NewUring(entries uint32, params *UringParams) (*Uring, error) {
	r := &Uring{Entries: entries}
	if params != nil {
		r.Params = *params
	}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(&r.Params)), 0)
	if errno != 0 {
		return nil, os.NewSyscallError("io_uring_setup", errno)
	}
	r.FD = int(fd)
	p := &r.Params
	// Both rings are in one mapping (IORING_FEAT_SINGLE_MMAP, since 5.4).
	size := max(p.sq.array+p.SQEntries*4, p.cq.cqes+p.CQEntries*uint32(unsafe.Sizeof(CQE{})))
	var err error
	if r.ring, err = unix.Mmap(r.FD, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		return nil, fmt.Errorf("map the rings: %w", err)
	}
	sqes := int(p.SQEntries) * len(wireSQE{})
	if r.sqes, err = unix.Mmap(r.FD, offSQEs, sqes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		return nil, fmt.Errorf("map the requests: %w", err)
	}
	return r, nil
}

func (r *Uring) word(off uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.ring[off])) }

// Openat asks for openat(2).
func Openat(dirfd int, path string, flags int, mode uint32) SQE {
	return named(SQE{opcode: opOpenat, fd: int32(dirfd), opFlags: uint32(flags), len: mode}, path)
}

// Openat2 asks for openat2(2).
func Openat2(dirfd int, path string, how *unix.OpenHow) SQE {
	return named(SQE{
		opcode: opOpenat2, fd: int32(dirfd), off: uint64(uintptr(unsafe.Pointer(how))), len: uint32(unsafe.Sizeof(*how)), how: how,
	}, path)
}

// Operation asks for one that is given a descriptor, a path or a socket address, a second path, a length and flags, as
// io_uring_enter(2) says of it. Without a second path, off is the number in its place.
func Operation(opcode uint8, fd int, path string, second []byte, off uint64, length, flags uint32) SQE {
	e := named(SQE{opcode: opcode, fd: int32(fd), off: off, len: length, opFlags: flags}, path)
	if second != nil {
		e.second = second
		e.off = uint64(uintptr(unsafe.Pointer(&second[0])))
	}
	return e
}

// PollIn asks to be told when a descriptor can be read.
func PollIn(fd int) SQE { return SQE{opcode: opPoll, fd: int32(fd), opFlags: unix.POLLIN} }

// Nop asks for nothing.
func Nop() SQE { return SQE{opcode: opNop} }

func named(e SQE, path string) SQE {
	e.path = new([unix.PathMax]byte)
	copy(e.path[:len(e.path)-1], path)
	e.addr = uint64(uintptr(unsafe.Pointer(e.path)))
	return e
}

// To is the same request for another path.
func (e SQE) To(path string) SQE { return named(e, path) }

// Rename writes another path over a request's.
func (e *SQE) Rename(path string) { copy(e.path[:], path+"\x00") }

// Pointer makes the request point at another address than its path.
func (e *SQE) Pointer(addr uint64) { e.addr = addr }

// Data makes the request point at these bytes.
func (e *SQE) Data(b []byte) {
	e.data = b
	e.addr = uint64(uintptr(unsafe.Pointer(&b[0])))
}

// Priority sets the flags that the operations of sockets have in the place of a priority.
func (e *SQE) Priority(flags uint16) { e.ioprio = flags }

// Push puts requests into the ring.
func (r *Uring) Push(requests ...SQE) {
	p := &r.Params
	tail := atomic.LoadUint32(r.word(p.sq.tail))
	for i := range requests {
		slot := tail & *r.word(p.sq.mask)
		copy(r.sqes[slot*64:], (*wireSQE)(unsafe.Pointer(&requests[i]))[:])
		*r.word(p.sq.array + slot*4) = slot
		tail++
	}
	r.keep = append(r.keep, requests...)
	r.pushed += uint32(len(requests))
	atomic.StoreUint32(r.word(p.sq.tail), tail)
}

// Submit gives what was pushed to the kernel, waits for so many answers, and returns all that are there.
func (r *Uring) Submit(wait int) ([]CQE, error) {
	if err := r.Enter(wait); err != nil {
		return nil, err
	}
	return r.answers(), nil
}

// Enter gives what was pushed to the kernel and waits for so many answers, which it leaves in the ring.
func (r *Uring) Enter(wait int) error {
	flags, n := 0, r.pushed
	if r.Params.Flags&IoringSetupSQPoll != 0 {
		n = 0
		if atomic.LoadUint32(r.word(r.Params.sq.flags))&sqNeedWakeup != 0 {
			flags |= enterWakeup
		}
	}
	if wait > 0 {
		flags |= enterGetevents
	}
	for {
		got, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.FD), uintptr(n), uintptr(wait), uintptr(flags), 0, 0)
		if errno == unix.EINTR {
			continue // the runtime's signals
		}
		if errno != 0 {
			return os.NewSyscallError("io_uring_enter", errno)
		}
		if n -= uint32(got); n == 0 || n > r.pushed {
			break
		}
	}
	r.pushed = 0
	return nil
}

func (r *Uring) answers() []CQE {
	p := &r.Params
	head, tail := atomic.LoadUint32(r.word(p.cq.head)), atomic.LoadUint32(r.word(p.cq.tail))
	var out []CQE
	for ; head != tail; head++ {
		at := p.cq.cqes + head&*r.word(p.cq.mask)*uint32(unsafe.Sizeof(CQE{}))
		out = append(out, *(*CQE)(unsafe.Pointer(&r.ring[at])))
	}
	atomic.StoreUint32(r.word(p.cq.head), head)
	return out
}

// One submits one request, and what was pushed before, and waits for its answer.
func (r *Uring) One(e SQE) (int32, error) {
	e.UserData = 1
	r.Push(e)
	for {
		got, err := r.Submit(1)
		if err != nil {
			return 0, err
		}
		for _, a := range got {
			if a.UserData == e.UserData {
				return a.Res, nil
			}
		}
	}
}

// FixedFiles gives the ring a table of so many files of its own, all empty.
func (r *Uring) FixedFiles(n int) error {
	fds := make([]int32, n)
	for i := range fds {
		fds[i] = -1
	}
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.FD), registerFiles, uintptr(unsafe.Pointer(&fds[0])), uintptr(n), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("io_uring_register", errno)
	}
	return nil
}
