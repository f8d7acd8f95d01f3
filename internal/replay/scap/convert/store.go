package convert

import "github.com/saker-sensor/saker/internal/replay/scap"

const (
	// maxStored is the number of entries that are kept at once: threads that wait in a call.
	maxStored = 64 << 10
	// maxStoredBytes is the memory of their parameters.
	maxStoredBytes = 32 << 20
	// keptBytes is the memory that an entry which is not needed any more keeps for the next one.
	keptBytes = 4 << 10
)

// entries keeps the latest entry of each thread until its exit. At its bounds the oldest one goes.
type entries struct {
	threads map[int64]*entry
	// order is a ring: next is the oldest entry, previous the newest.
	order   entry
	unused  []*entry
	bytes   int
	evicted uint64
}

// entry is a stored event of the entry of a call.
type entry struct {
	code           uint16
	tid            int64
	params         [][]byte
	data           []byte
	next, previous *entry
}

func newEntries() *entries {
	s := &entries{threads: map[int64]*entry{}}
	s.order.next, s.order.previous = &s.order, &s.order
	return s
}

// get returns the entry of a thread, nil if there is none.
func (s *entries) get(tid int64) *entry { return s.threads[tid] }

// put stores a copy of an event in place of the thread's earlier one.
func (s *entries) put(ev *scap.Event) {
	s.remove(ev.Tid)
	size := 0
	for _, param := range ev.Params {
		size += len(param)
	}
	for len(s.threads) > 0 && (len(s.threads) >= maxStored || s.bytes+size > maxStoredBytes) {
		s.remove(s.order.next.tid)
		s.evicted++
	}
	kept := s.fresh()
	kept.code, kept.tid = ev.Code, ev.Tid
	kept.data, kept.params = kept.data[:0], kept.params[:0]
	if cap(kept.data) < size {
		kept.data = make([]byte, 0, size)
	}
	for _, param := range ev.Params {
		start := len(kept.data)
		kept.data = append(kept.data, param...)
		kept.params = append(kept.params, kept.data[start:len(kept.data):len(kept.data)])
	}
	s.bytes += cap(kept.data)
	s.threads[ev.Tid] = kept
	kept.next, kept.previous = &s.order, s.order.previous
	kept.previous.next, kept.next.previous = kept, kept
}

func (s *entries) fresh() *entry {
	if last := len(s.unused) - 1; last >= 0 {
		kept := s.unused[last]
		s.unused = s.unused[:last]
		return kept
	}
	return &entry{}
}

// remove forgets the entry of a thread. Its parameters stay valid until the next put.
func (s *entries) remove(tid int64) {
	gone := s.threads[tid]
	if gone == nil {
		return
	}
	delete(s.threads, tid)
	gone.next.previous, gone.previous.next = gone.previous, gone.next
	s.bytes -= cap(gone.data)
	if cap(gone.data) <= keptBytes {
		s.unused = append(s.unused, gone)
	}
}
