package probe

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/bpfgen"
)

// A record's header in a BPF ring buffer: u32 length and flags, u32 page offset (kernel/bpf/ringbuf.c).
const (
	ringHeader  = 8
	ringBusy    = 1 << 31
	ringDiscard = 1 << 30
)

// longestRecord is room for the longest record and its header, in whole pages of any size.
const longestRecord = 2 * int(bpfgen.SensorLimitsRECORD_LEN_MAX)

// Ring reads a BPF ring buffer in place. Not safe for several goroutines at once.
//
// The ring's pages are mapped as the kernel offers them: the consumer's position, writable; the producer's position and the
// data, read-only. The kernel offers the data twice in a row, so that no record is split; of the second time only what one
// record may need is mapped, because each mapped page counts as memory of the process.
type Ring struct {
	consumerPage, producerPages []byte
	consumer, producer          *uint64
	data                        []byte
	mask                        uint64
	// pos is how far Next has come; the kernel learns of it by Release.
	pos, released uint64
	// moved counts what somebody else wrote to the consumer's position: any process that gets at the map can.
	moved, seen uint64
	overwritten uint64
}

func openRing(fd, size int) (*Ring, error) {
	page := os.Getpagesize()
	c, err := unix.Mmap(fd, 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map ring's consumer page: %w", err)
	}
	p, err := unix.Mmap(fd, int64(page), page+size+min(size, longestRecord), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		_ = unix.Munmap(c)
		return nil, fmt.Errorf("map ring's data: %w", err)
	}
	r := &Ring{
		consumerPage: c, producerPages: p,
		consumer: (*uint64)(unsafe.Pointer(&c[0])),
		producer: (*uint64)(unsafe.Pointer(&p[0])),
		data:     p[page:],
		mask:     uint64(size) - 1,
	}
	r.pos = atomic.LoadUint64(r.consumer)
	r.released = r.pos
	return r, nil
}

// Next returns the next record, false if there is none yet. The bytes are the ring's own: they are valid until Release.
func (r *Ring) Next() ([]byte, bool) {
	for end := atomic.LoadUint64(r.producer); r.pos < end; end = atomic.LoadUint64(r.producer) {
		if end-r.pos > r.mask+1 {
			r.skip(end)
			return nil, false
		}
		at := r.pos & r.mask
		head := atomic.LoadUint32((*uint32)(unsafe.Pointer(&r.data[at])))
		if head&ringBusy != 0 {
			return nil, false // still being written
		}
		size := uint64(head &^ (ringBusy | ringDiscard))
		if size+ringHeader > min(end-r.pos, uint64(len(r.data))-at) {
			r.skip(end)
			return nil, false
		}
		r.pos += (size + ringHeader + 7) &^ 7
		if head&ringDiscard == 0 {
			return r.data[at+ringHeader:][:size:size], true
		}
	}
	return nil, false
}

// skip gives up what is unread: the kernel was told by somebody else that it had been read, and has written over it.
func (r *Ring) skip(end uint64) {
	r.overwritten++
	r.pos = end
}

// restore takes the read position back from whoever moved it, and tells whether somebody did. What is unread then may be
// written over in part, so it is given up.
func (r *Ring) restore() bool {
	r.Release()
	if r.moved == r.seen {
		return false
	}
	r.seen = r.moved
	r.skip(atomic.LoadUint64(r.producer))
	r.Release()
	return true
}

// Release gives the room of all records that Next returned back to the kernel.
func (r *Ring) Release() {
	if atomic.SwapUint64(r.consumer, r.pos) != r.released {
		r.moved++
	}
	r.released = r.pos
}

// Position is the number of bytes that were read so far.
func (r *Ring) Position() uint64 { return r.pos }

// Overwritten is how often unread records were written over, because another process moved the read position.
func (r *Ring) Overwritten() uint64 { return r.overwritten }

// Mark is where the records end that are there now; see [Ring.Reached].
func (r *Ring) Mark() uint64 { return atomic.LoadUint64(r.producer) }

// Reached tells whether Next has come as far as a mark.
func (r *Ring) Reached(mark uint64) bool { return r.pos >= mark }

// Pending is the number of bytes that wait in the ring.
func (r *Ring) Pending() uint64 { return atomic.LoadUint64(r.producer) - r.pos }

func (r *Ring) close() {
	_ = unix.Munmap(r.consumerPage)
	_ = unix.Munmap(r.producerPages)
}
