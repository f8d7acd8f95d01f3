package recording

import (
	"encoding/binary"
	"fmt"
	"reflect"

	"github.com/fxamacker/cbor/v2"

	"github.com/saker-sensor/saker/internal/event"
)

// block is filled with events and what they refer to.
type block struct {
	mode cbor.EncMode
	// refs are the entries that events refer to; they stand before the events.
	refs, events []byte
	first, last  int64
	count        uint32

	processes map[*event.Process]uint32
	places    map[Place]uint32
	clocks    uint16
	clock     *event.Clock
	hosts     map[uintptr]uint16
}

func newBlock(mode cbor.EncMode) *block {
	return &block{
		mode: mode, events: make([]byte, 0, blockBytes+maxEntry), processes: map[*event.Process]uint32{}, places: map[Place]uint32{},
		hosts: map[uintptr]uint16{},
	}
}

// reset empties the block for the next events.
func (b *block) reset() {
	b.refs, b.events, b.count, b.clocks, b.clock = b.refs[:0], b.events[:0], 0, 0, nil
	clear(b.processes)
	clear(b.places)
	clear(b.hosts)
}

func (b *block) size() int  { return len(b.refs) + len(b.events) }
func (b *block) full() bool { return b.size() >= blockBytes }

// add appends an event. An error leaves the block as it was but for things that the event refers to.
func (b *block) add(e *Entry) error {
	length := eventHead + padded(len(e.Raw)) + padded(len(e.Source)+len(e.Watched))
	if length > maxEntry {
		return fmt.Errorf("record an event: it has %d bytes, of at most %d", length, maxEntry)
	}
	process, err := b.process(e.Process)
	if err != nil {
		return err
	}
	place, err := b.place(e.Place)
	if err != nil {
		return err
	}
	if e.Clock != b.clock || b.clocks == 0 {
		if err := b.refer(entryClock, e.Clock); err != nil {
			return err
		}
		b.clock, b.clocks = e.Clock, b.clocks+1
	}
	hosts, err := b.hostNames(e.Hosts)
	if err != nil {
		return err
	}
	fixed := eventEntry{
		process: process, place: place, clock: b.clocks, hosts: hosts, flags: uint32(e.Flags), raw: uint32(len(e.Raw)),
		source: uint32(len(e.Source)), watched: uint32(len(e.Watched)),
	}
	start := len(b.events)
	b.events = appendHead(b.events, entryEvent, length)
	b.events = fixed.append(b.events)
	b.events = pad(append(b.events, e.Raw...), start)
	b.events = pad(append(append(b.events, e.Source...), e.Watched...), start)
	if b.count == 0 {
		b.first, b.last = e.Time, e.Time
	}
	b.first, b.last = min(b.first, e.Time), max(b.last, e.Time)
	b.count++
	return nil
}

// process writes an image and its ancestors before it, each once in a block.
func (b *block) process(p *event.Process) (uint32, error) {
	if p == nil {
		return 0, nil
	}
	if n, ok := b.processes[p]; ok {
		return n, nil
	}
	parent, err := b.process(p.Parent)
	if err != nil {
		return 0, err
	}
	own := image{Process: *p, ParentNumber: parent}
	own.Parent = nil
	if err := b.refer(entryProcess, &own); err != nil {
		return 0, err
	}
	n := uint32(len(b.processes) + 1)
	b.processes[p] = n
	return n, nil
}

func (b *block) place(p Place) (uint32, error) {
	if n, ok := b.places[p]; ok {
		return n, nil
	}
	if err := b.refer(entryPlace, &p); err != nil {
		return 0, err
	}
	n := uint32(len(b.places) + 1)
	b.places[p] = n
	return n, nil
}

func (b *block) hostNames(h event.Hosts) (uint16, error) {
	if h == nil {
		return 0, nil
	}
	key := reflect.ValueOf(h).Pointer()
	if n, ok := b.hosts[key]; ok {
		return n, nil
	}
	if err := b.refer(entryHosts, h); err != nil {
		return 0, err
	}
	n := uint16(len(b.hosts) + 1)
	b.hosts[key] = n
	return n, nil
}

// refer appends what events refer to.
func (b *block) refer(kind uint8, v any) error {
	text, err := b.mode.Marshal(v)
	if err != nil {
		return fmt.Errorf("record what an event refers to: %w", err)
	}
	length := padded(entryHead + 4 + len(text))
	if length > maxEntry {
		return fmt.Errorf("record what an event refers to: it has %d bytes, of at most %d", length, maxEntry)
	}
	start := len(b.refs)
	b.refs = appendHead(b.refs, kind, length)
	b.refs = binary.LittleEndian.AppendUint32(b.refs, uint32(len(text)))
	b.refs = pad(append(b.refs, text...), start)
	return nil
}

func appendHead(to []byte, kind uint8, length int) []byte {
	return append(binary.LittleEndian.AppendUint32(to, uint32(length)), kind, 0, 0, 0)
}

func padded(n int) int { return (n + 7) &^ 7 }

// pad fills up to a multiple of 8 from start on.
func pad(b []byte, start int) []byte {
	for (len(b)-start)%8 != 0 {
		b = append(b, 0)
	}
	return b
}

func (e *eventEntry) append(to []byte) []byte {
	to = binary.LittleEndian.AppendUint32(to, e.process)
	to = binary.LittleEndian.AppendUint32(to, e.place)
	to = binary.LittleEndian.AppendUint16(to, e.clock)
	to = binary.LittleEndian.AppendUint16(to, e.hosts)
	for _, n := range [...]uint32{e.flags, e.raw, e.source, e.watched, 0} {
		to = binary.LittleEndian.AppendUint32(to, n)
	}
	return to
}

func (e *eventEntry) read(from []byte) {
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(from[at:]) }
	e.process, e.place = u32(0), u32(4)
	e.clock, e.hosts = binary.LittleEndian.Uint16(from[8:]), binary.LittleEndian.Uint16(from[10:])
	e.flags, e.raw, e.source, e.watched = u32(12), u32(16), u32(20), u32(24)
}

// head is that of a block.
type head struct {
	kind         uint8
	stored, full uint32
	first, last  int64
	count        uint32
}

// append writes the head with the checksum of itself and the stored contents.
func (h *head) append(to, stored []byte) []byte {
	start := len(to)
	to = binary.LittleEndian.AppendUint32(to, blockMagic)
	to = append(to, h.kind, 0, 0, 0)
	to = binary.LittleEndian.AppendUint32(to, h.stored)
	to = binary.LittleEndian.AppendUint32(to, h.full)
	to = binary.LittleEndian.AppendUint64(to, uint64(h.first))
	to = binary.LittleEndian.AppendUint64(to, uint64(h.last))
	to = binary.LittleEndian.AppendUint32(to, h.count)
	return binary.LittleEndian.AppendUint32(to, checksum(to[start:], stored))
}
