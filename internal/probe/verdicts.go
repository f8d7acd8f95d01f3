package probe

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// tables are those that the rings' reader writes and the kernel's side reads, in memory that both have.
type tables struct {
	pages    [][]byte
	verdicts []bpfgen.SensorVerdict
	mounts   []bpfgen.SensorMountPoint
	changes  *uint64
	// written are the verdicts as they were written, by slot; mu guards mountsWritten, which another goroutine writes.
	written       map[uint32]bpfgen.SensorVerdict
	mu            sync.Mutex
	mountsWritten []bpfgen.SensorMountPoint
	closed        bool
}

func openTables(m *bpfgen.SensorMaps) (*tables, error) {
	s := &tables{written: map[uint32]bpfgen.SensorVerdict{}}
	var err error
	if s.verdicts, err = mapTable[bpfgen.SensorVerdict](s, m.Verdicts.FD(), int(bpfgen.SensorSizesVERDICTS)); err != nil {
		return nil, err
	}
	if s.mounts, err = mapTable[bpfgen.SensorMountPoint](s, m.MountPoints.FD(), int(bpfgen.SensorSizesMOUNT_POINTS)); err != nil {
		return nil, err
	}
	changes, err := mapTable[uint64](s, m.FamilyChanges.FD(), 1)
	if err != nil {
		return nil, err
	}
	s.changes = &changes[0]
	return s, nil
}

// mapTable maps an array of n values; a value takes a multiple of 8 bytes.
func mapTable[T any](s *tables, fd, n int) ([]T, error) {
	page := os.Getpagesize()
	size := (n*int(unsafe.Sizeof(*new(T))) + page - 1) / page * page
	b, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map a table of the kernel's side: %w", err)
	}
	s.pages = append(s.pages, b)
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n), nil
}

func (s *tables) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, p := range s.pages {
		_ = unix.Munmap(p)
	}
}

// FamilyChanges counts how often a process with children has executed another image, or ended. The record of each that is counted here is
// in the critical ring.
func (p *Probe) FamilyChanges() uint64 { return atomic.LoadUint64(p.tables.changes) }

// SetVerdict says which rules may match events of the process with this tgid; the tag says which process that is. It belongs to the
// rings' reader.
func (p *Probe) SetVerdict(tgid int32, tag, mask, flags uint64) {
	slot := uint32(tgid) % uint32(len(p.tables.verdicts))
	p.tables.written[slot] = bpfgen.SensorVerdict{Tag: tag, Mask: mask, Flags: flags}
	p.tables.setVerdict(slot)
}

func (s *tables) setVerdict(slot uint32) {
	v, want := &s.verdicts[slot], s.written[slot]
	// The kernel's side may read between these; the tag then fits neither the old verdict nor the new one.
	atomic.StoreUint64(&v.Tag, 0)
	atomic.StoreUint64(&v.Mask, want.Mask)
	atomic.StoreUint64(&v.Flags, want.Flags)
	atomic.StoreUint64(&v.Tag, want.Tag)
}

// SetMountPoints says where the host has its file systems, a slot each. Safe for any goroutine.
func (p *Probe) SetMountPoints(points []event.MountPoint) {
	t := p.tables
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mountsWritten = make([]bpfgen.SensorMountPoint, len(points))
	for i := range points {
		state := uint32(bpfgen.SensorMountStateMOUNT_FREE)
		switch {
		case points[i].Full:
			state = uint32(bpfgen.SensorMountStateMOUNT_AMBIGUOUS)
		case points[i].Used:
			state = uint32(bpfgen.SensorMountStateMOUNT_KNOWN)
		}
		t.mountsWritten[i] = bpfgen.SensorMountPoint{Hash: points[i].Hash, Dev: points[i].Dev, State: state}
	}
	t.setMounts()
}

// setMounts writes what differs, and tells whether anything did.
func (s *tables) setMounts() (differed bool) {
	if s.closed {
		return false
	}
	for i, want := range s.mountsWritten {
		m := &s.mounts[i]
		if *m == want {
			continue
		}
		differed = true
		atomic.StoreUint32(&m.State, uint32(bpfgen.SensorMountStateMOUNT_AMBIGUOUS))
		atomic.StoreUint64(&m.Hash, want.Hash)
		atomic.StoreUint32(&m.Dev, want.Dev)
		atomic.StoreUint32(&m.State, want.State)
	}
	return differed
}

// restore puts back what another process has written into the tables, and names the tables. It belongs to the rings' reader.
func (s *tables) restore() (changed []string) {
	for slot, want := range s.written {
		if s.verdicts[slot] != want {
			s.setVerdict(slot)
			changed = append(changed, bpfgen.SensorMapVerdicts)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.setMounts() {
		changed = append(changed, bpfgen.SensorMapMountPoints)
	}
	slices.Sort(changed)
	return slices.Compact(changed)
}
