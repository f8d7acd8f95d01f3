package scap

import "encoding/binary"

// What a block holds.
type content uint8

const (
	contentUnknown content = iota
	contentSection
	contentMachine
	contentInterfaces
	contentUsers
	contentProcesses
	contentDescriptors
	contentEvent
	contentPacket
)

// layout is the form of a block.
type layout struct {
	content content
	// version counts the forms of lists from 1. Of events, 1 has no number of parameters.
	version uint8
	// flags says that an event has flags before its header.
	flags bool
	// large says that an event may be longer than 64 KiB.
	large bool
}

const sectionType = 0x0A0D0D0A

// layoutOf returns the form of a block with this number. Numbers from 0x80000000 are those of the time before the first release.
func layoutOf(number uint32) layout {
	switch number {
	case sectionType:
		return layout{content: contentSection}
	case 0x201, 0x8002ABCD:
		return layout{content: contentMachine}
	case 0x205, 0x8011ABCD:
		return layout{content: contentInterfaces, version: 1}
	case 0x219:
		return layout{content: contentInterfaces, version: 2}
	case 0x206, 0x8012ABCD:
		return layout{content: contentUsers, version: 1}
	case 0x220:
		return layout{content: contentUsers, version: 2}
	case 0x202, 0x8000ABCD:
		return layout{content: contentProcesses, version: 1}
	case 0x207, 0x8013ABCD:
		return layout{content: contentProcesses, version: 2}
	case 0x209, 0x8014ABCD:
		return layout{content: contentProcesses, version: 3}
	case 0x210, 0x211, 0x212, 0x213, 0x214, 0x215:
		return layout{content: contentProcesses, version: uint8(number-0x210) + 4}
	case 0x203, 0x8001ABCD:
		return layout{content: contentDescriptors, version: 1}
	case 0x218:
		return layout{content: contentDescriptors, version: 2}
	case 0x204, 0x8010ABCD:
		return layout{content: contentEvent, version: 1}
	case 0x208:
		return layout{content: contentEvent, version: 1, flags: true}
	case 0x216:
		return layout{content: contentEvent, version: 2}
	case 0x217:
		return layout{content: contentEvent, version: 2, flags: true}
	case 0x221:
		return layout{content: contentEvent, version: 2, large: true}
	case 0x222:
		return layout{content: contentEvent, version: 2, flags: true, large: true}
	case 2, 3, 6:
		return layout{content: contentPacket}
	}
	return layout{}
}

// body reads the fields of an entry, one after the other. After its first error every field is zero.
type body struct {
	stream *stream
	// end is the offset at which the entry or its block ends.
	end int64
	err error
}

// left returns the number of bytes up to the end.
func (b *body) left() int64 { return b.end - b.stream.offset }

// raw returns n bytes, valid until the next field is read.
func (b *body) raw(n int) []byte {
	if b.err != nil {
		return nil
	}
	if int64(n) > b.left() {
		b.err = damaged("an entry passes the end of its block by %d bytes", int64(n)-b.left())
		return nil
	}
	taken, err := b.stream.take(n)
	if err != nil {
		b.err = short(err)
		return nil
	}
	return taken
}

func (b *body) u8() uint8 {
	if p := b.raw(1); p != nil {
		return p[0]
	}
	return 0
}

func (b *body) u16() uint16 {
	if p := b.raw(2); p != nil {
		return binary.LittleEndian.Uint16(p)
	}
	return 0
}

func (b *body) u32() uint32 {
	if p := b.raw(4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (b *body) u64() uint64 {
	if p := b.raw(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

func (b *body) i64() int64 { return int64(b.u64()) }

// text reads a text behind its length of 16 bits.
func (b *body) text() string { return string(b.raw(int(b.u16()))) }

// sub returns the body of an entry that begins with its own length, from start on; of one that does not, it ends with the block.
func (b *body) sub(hasLength bool) body {
	entry := body{stream: b.stream, end: b.end, err: b.err}
	if !hasLength {
		return entry
	}
	start := b.stream.offset
	length := int64(entry.u32())
	switch {
	case entry.err != nil:
	case length < 4 || start+length > b.end:
		entry.err = damaged("an entry says that it has %d bytes, where its block has %d", length, b.end-start)
	default:
		entry.end = start + length
	}
	return entry
}
