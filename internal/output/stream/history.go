package stream

import (
	"crypto/rand"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/saker-sensor/saker/internal/output/falcopb/outputs"
)

// history keeps the latest alerts, within two bounds. Each has a cursor, from 1 up. Readers have positions of their own
// and never delay the writer: what falls out is missed by those who have not read it.
type history struct {
	maxCount, maxBytes int
	// run is the identity of the numbers: that of this run of the sensor, or of the disk. disk is nil if there is none. Both
	// are set before the first alert.
	run  string
	disk *disk

	mu sync.Mutex
	// kept are the alerts up to the cursor last, the oldest first; nobody changes one.
	kept  []kept
	last  uint64
	bytes int
	// trouble is why the disk refuses, nil if it does not.
	trouble error
	// changed is closed by the next append, or close; nil if nobody waits.
	changed chan struct{}
	// done is closed by close.
	done   chan struct{}
	closed bool
}

func newHistory(maxCount, maxBytes int) *history {
	return &history{maxCount: maxCount, maxBytes: maxBytes, run: rand.Text(), done: make(chan struct{})}
}

type kept struct {
	alert *outputs.Response
	bytes int
}

// batch is what a reader takes at once.
const batch = 64

// append numbers an alert and keeps it: on disk first, so that no consumer knows a number that a restart would forget. There
// is one writer.
func (h *history) append(alert *outputs.Response) {
	size := memory(alert)
	alert.Cursor, alert.Run = h.last+1, h.run
	if h.disk != nil {
		h.save(alert)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	h.kept = append(h.kept, kept{alert, size})
	h.bytes += size
	for len(h.kept) > h.maxCount || h.bytes > h.maxBytes && len(h.kept) > 1 {
		h.bytes -= h.kept[0].bytes
		h.kept[0] = kept{}
		h.kept = h.kept[1:]
	}
	h.wake()
}

// close tells the readers that nothing follows.
func (h *history) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		close(h.done)
		h.wake()
	}
}

func (h *history) wake() {
	if h.changed != nil {
		close(h.changed)
		h.changed = nil
	}
}

// view is what a reader finds behind its position.
type view struct {
	alerts []*outputs.Response
	// next is the position behind them.
	next uint64
	// missed is how many alerts were passed over, because they are not kept any more.
	missed uint64
	// more is closed when there is more, or nothing will follow; nil if there are alerts. end: nothing will follow.
	more <-chan struct{}
	end  bool
}

// after looks behind a position, and uses the memory of buffer for the alerts.
func (h *history) after(position uint64, buffer []*outputs.Response) view {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := view{alerts: buffer[:0], next: position}
	before := h.last - uint64(len(h.kept))
	if position < before {
		v.missed, v.next = before-position, before
	}
	for _, k := range h.kept[v.next-before:] {
		if len(v.alerts) == batch {
			break
		}
		v.alerts = append(v.alerts, k.alert)
	}
	v.next += uint64(len(v.alerts))
	if len(v.alerts) > 0 {
		return v
	}
	if h.changed == nil {
		h.changed = make(chan struct{})
	}
	v.more, v.end = h.changed, h.closed
	return v
}

// ends are the positions before the oldest alert that a consumer without a cursor gets, and of the latest. Of what is on disk
// alone it gets as many as memory may have.
func (h *history) ends() (before, last uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before = h.last - uint64(len(h.kept))
	if !h.onDisk() {
		return before, h.last
	}
	oldest, _ := h.disk.spool.Ends()
	recent := h.last - min(h.last, uint64(h.maxCount))
	return min(before, max(oldest, recent)), h.last
}

func (h *history) beforeMemory() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last - uint64(len(h.kept))
}

// memory estimates what an alert takes: its text, the fields' map, the message around it.
func memory(alert *outputs.Response) int {
	const message, field = 512, 128
	return message + field*len(alert.OutputFields) + proto.Size(alert)
}
