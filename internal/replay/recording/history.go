package recording

import (
	"strings"

	"github.com/saker-sensor/saker/internal/event"
)

// entryCost is what an event costs in memory beside its record and names, in bytes.
const entryCost = 256

// History keeps the latest events in memory, bounded by bytes and age. Not safe for several goroutines at once.
type History struct {
	maxBytes int
	maxAge   int64
	// entries are a ring: count of them, from first on. Their memory is used again.
	entries      []Entry
	first, count int
	bytes        int
}

// NewHistory makes an empty one. The age is in ns; 0 bytes keep nothing.
func NewHistory(maxBytes int, maxAge int64) *History {
	return &History{maxBytes: maxBytes, maxAge: maxAge}
}

// Add copies an event that has its Raw record, and forgets what is too old or too much.
func (h *History) Add(ev *event.Event) {
	e := EntryOf(ev)
	size := e.size()
	if size > h.maxBytes {
		return
	}
	for h.count > 0 && (h.bytes+size > h.maxBytes || e.Time-h.entries[h.first].Time > h.maxAge) {
		h.bytes -= h.entries[h.first].size()
		h.entries[h.first].Process, h.entries[h.first].Place = nil, Place{} // only the record's memory is kept
		h.first = (h.first + 1) % len(h.entries)
		h.count--
	}
	if h.count == len(h.entries) {
		h.grow()
	}
	slot := &h.entries[(h.first+h.count)%len(h.entries)]
	raw := append(slot.Raw[:0], e.Raw...)
	*slot = e
	slot.Raw, slot.Source, slot.Watched = raw, strings.Clone(e.Source), strings.Clone(e.Watched)
	h.count++
	h.bytes += size
}

// grow doubles the ring.
func (h *History) grow() {
	larger := make([]Entry, max(2*len(h.entries), 64))
	for i := range h.count {
		larger[i] = h.entries[(h.first+i)%len(h.entries)]
	}
	h.entries, h.first = larger, 0
}

// Each yields the events from the oldest on. They are valid until the next Add.
func (h *History) Each(yield func(*Entry)) {
	for i := range h.count {
		yield(&h.entries[(h.first+i)%len(h.entries)])
	}
}

// Bytes is what the events take, about.
func (h *History) Bytes() int { return h.bytes }

func (e *Entry) size() int { return entryCost + len(e.Raw) + len(e.Source) + len(e.Watched) }
