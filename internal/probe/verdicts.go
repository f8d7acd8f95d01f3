package probe

import (
	"fmt"
	"os"
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
}

func openTables(m *bpfgen.SensorMaps) (*tables, error) {
	s := &tables{}
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
	v := &p.tables.verdicts[uint32(tgid)%uint32(len(p.tables.verdicts))]
	// The kernel's side may read between these; the tag then fits neither the old verdict nor the new one.
	atomic.StoreUint64(&v.Tag, 0)
	atomic.StoreUint64(&v.Mask, mask)
	atomic.StoreUint64(&v.Flags, flags)
	atomic.StoreUint64(&v.Tag, tag)
}

// Verdict is what the table has in a process's slot.
func (p *Probe) Verdict(tgid int32) (tag, mask, flags uint64) {
	v := &p.tables.verdicts[uint32(tgid)%uint32(len(p.tables.verdicts))]
	return atomic.LoadUint64(&v.Tag), atomic.LoadUint64(&v.Mask), atomic.LoadUint64(&v.Flags)
}

// SetMountPoints says where the host has its file systems, a slot each. One goroutine may call it at a time.
func (p *Probe) SetMountPoints(points []event.MountPoint) {
	for i := range p.tables.mounts {
		m, state := &p.tables.mounts[i], uint32(bpfgen.SensorMountStateMOUNT_UNKNOWN)
		switch {
		case points[i].Ambiguous:
			state = uint32(bpfgen.SensorMountStateMOUNT_AMBIGUOUS)
		case points[i].Hash != 0:
			state = uint32(bpfgen.SensorMountStateMOUNT_KNOWN)
		}
		if m.State == state && m.Dev == points[i].Dev && m.Hash == points[i].Hash {
			continue
		}
		atomic.StoreUint32(&m.State, uint32(bpfgen.SensorMountStateMOUNT_AMBIGUOUS))
		atomic.StoreUint64(&m.Hash, points[i].Hash)
		atomic.StoreUint32(&m.Dev, points[i].Dev)
		atomic.StoreUint32(&m.State, state)
	}
}
