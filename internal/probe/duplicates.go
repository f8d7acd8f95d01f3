package probe

import (
	"bytes"
	"time"
	"unsafe"

	"github.com/saker-sensor/saker/internal/bpfgen"
)

// duplicateGap is the most that lies between the two: a virtual machine may be put aside between one program and the other.
// Both generations record for longer than that (overlap), so an event that only the old one saw is not taken for a later
// one, just like it, that only the new one saw.
const (
	duplicateGap = 50 * time.Millisecond
	overlap      = 2 * duplicateGap
)

// Duplicates finds the records of events that two generations of programs saw, after a [Probe.Switch]: one behind the other on
// their processor, and equal but for number, time and generation. It is for one ring. The zero value is ready.
type Duplicates struct {
	// last is the latest record of the old generation, by processor.
	last map[uint16][]byte
}

// Again tells whether a record, aligned to 8, is of the new generation and of an event whose record of the old one came
// before. Each record of the ring has to be shown.
func (d *Duplicates) Again(raw []byte, generation uint8) bool {
	if uintptr(len(raw)) < unsafe.Sizeof(bpfgen.SensorRecordHeader{}) {
		return false // not a record; decoding says so
	}
	h := (*bpfgen.SensorRecordHeader)(unsafe.Pointer(unsafe.SliceData(raw)))
	if h.Generation != generation {
		if d.last == nil {
			d.last = map[uint16][]byte{}
		}
		d.last[h.Cpu] = append(d.last[h.Cpu][:0], raw...)
		return false
	}
	old := d.last[h.Cpu]
	if len(old) != len(raw) {
		return false
	}
	was := (*bpfgen.SensorRecordHeader)(unsafe.Pointer(unsafe.SliceData(old)))
	if was.Type != h.Type || h.Time-was.Time > uint64(duplicateGap) || !bytes.Equal(behind(old), behind(raw)) {
		return false
	}
	delete(d.last, h.Cpu) // it has only one
	return true
}

// behind is a record without the header fields that differ between duplicates.
func behind(raw []byte) []byte { return raw[unsafe.Offsetof(bpfgen.SensorRecordHeader{}.StartTime):] }
