package scap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Kind is what a Record has.
type Kind uint8

// The kinds of records.
const (
	// KindSection begins a capture. What earlier sections said of machine, users, processes and descriptors is void from here.
	KindSection Kind = iota + 1
	KindMachine
	KindInterface
	KindUser
	KindGroup
	KindProcess
	// KindDescriptor has Tid and Descriptor.
	KindDescriptor
	KindEvent
)

// Record is one entry of a list, or one event. Of the fields below Kind, the one with the kind's name is set.
type Record struct {
	Kind      Kind
	Machine   Machine
	Interface Interface
	User      User
	Group     Group
	Process   Process
	// Tid is the thread that Descriptor belongs to.
	Tid        int64
	Descriptor Descriptor
	Event      Event
}

const (
	// MaxEvent is the number of bytes that the block of an event may have, MaxLargeEvent that of an event of a plugin.
	MaxEvent      = 64<<10 + 8
	MaxLargeEvent = 16 << 20
	// MaxParams is the number of parameters that an event may have.
	MaxParams = 1024

	majorVersion = 1
	// blockFrame is the number of bytes of a block beside its body: type and length before, length behind.
	blockFrame   = 12
	sectionBlock = blockFrame + 16
)

// Reader reads a capture, record by record.
type Reader struct {
	stream stream
	record Record
	opened bool
	// err is returned by every call from the first error on.
	err error

	// block is the list being read; its end is that of its body.
	block  body
	layout layout
	start  int64
	length uint32
	inList bool
	// captured says that the section has had a block that only captures of calls have.
	captured bool
	skipped  Skipped
}

// Skipped counts what a reader passed over because it does not know it: a newer recorder may have written it.
type Skipped struct {
	Blocks, Events uint64
}

// NewReader returns a reader of a capture, compressed with gzip or not. It reads ahead.
func NewReader(in io.Reader) *Reader {
	r := &Reader{}
	r.stream.in = in
	return r
}

// Skipped returns what was passed over so far.
func (r *Reader) Skipped() Skipped { return r.skipped }

// Next returns the next record. It is the reader's own, and so is the memory that the event's parameters are in: both are valid until
// the next call. At the end of the capture the error is io.EOF, else an *Error; then no record follows.
func (r *Reader) Next() (*Record, error) {
	if r.err == nil {
		r.err = r.next()
	}
	if r.err != nil {
		return nil, r.err
	}
	return &r.record, nil
}

func (r *Reader) next() error {
	if !r.opened {
		r.opened = true
		r.stream.open(r.stream.in)
		first := r.stream.peek(sectionBlock)
		if len(first) > 0 || errors.Is(r.stream.err, io.EOF) {
			if err := recognize(first, r.stream.packed); err != nil {
				return &Error{Err: err}
			}
		}
	}
	for {
		found, err := r.step()
		switch {
		case errors.Is(err, io.EOF):
			return io.EOF
		case errors.Is(err, io.ErrUnexpectedEOF):
			return &Error{r.start, fmt.Errorf("%w: it ends within this block; all before was read", ErrTruncated)}
		case err != nil:
			return &Error{r.start, err}
		case found:
			return nil
		}
	}
}

// step reads an entry of a list, an event, or what is between.
func (r *Reader) step() (found bool, err error) {
	if r.inList {
		// Less is the padding.
		if r.block.left() >= 4 {
			return r.entry()
		}
		r.inList = false
		if err := r.stream.skip(r.block.left()); err != nil {
			return false, err
		}
		return false, r.trailer()
	}
	r.start = r.stream.offset
	head, err := r.stream.take(8)
	if err != nil {
		return false, err
	}
	number := binary.LittleEndian.Uint32(head)
	r.length = binary.LittleEndian.Uint32(head[4:])
	r.layout = layoutOf(number)
	if r.layout.content == contentSection {
		return r.section()
	}
	if r.length < blockFrame {
		return false, damaged("the block of type %#x has %d bytes, %d at least", number, r.length, blockFrame)
	}
	switch r.layout.content {
	case contentEvent:
		r.captured = true
		return r.event()
	case contentPacket:
		if !r.captured {
			return false, fmt.Errorf("%w: it has packets of a network (pcapng) and no system calls; Wireshark opens it", ErrFormat)
		}
		fallthrough
	case contentUnknown:
		r.skipped.Blocks++
		if err := r.stream.skip(int64(r.length) - blockFrame); err != nil {
			return false, err
		}
		return false, r.trailer()
	}
	r.captured = true
	r.block = body{stream: &r.stream, end: r.start + int64(r.length) - 4}
	r.inList = true
	if r.layout.content == contentDescriptors {
		r.record.Tid = r.block.i64()
	}
	return false, r.block.err
}

// entry reads an entry of the list.
func (r *Reader) entry() (bool, error) {
	record := &r.record
	switch r.layout.content {
	case contentMachine:
		record.Kind = KindMachine
		record.Machine.read(&r.block)
	case contentInterfaces:
		record.Kind = KindInterface
		record.Interface.read(&r.block, r.layout.version)
	case contentUsers:
		record.readAccount(&r.block, r.layout.version)
	case contentProcesses:
		record.Kind = KindProcess
		record.Process.read(&r.block, r.layout.version)
	case contentDescriptors:
		record.Kind = KindDescriptor
		record.Descriptor.read(&r.block, r.layout.version)
	}
	return r.block.err == nil, r.block.err
}

// trailer reads the length behind a block.
func (r *Reader) trailer() error {
	end, err := r.stream.take(4)
	if err != nil {
		return short(err)
	}
	return r.sameLength(end)
}

func (r *Reader) sameLength(end []byte) error {
	if behind := binary.LittleEndian.Uint32(end); behind != r.length {
		return damaged("the block has %d bytes by its beginning and %d by its end", r.length, behind)
	}
	return nil
}

// section reads the header of a section. Its options are passed over.
func (r *Reader) section() (bool, error) {
	head, err := r.stream.take(sectionBlock - blockFrame)
	if err != nil {
		return false, short(err)
	}
	if err := checkSection(head); err != nil {
		return false, err
	}
	if r.length < sectionBlock {
		return false, damaged("the header of the section has %d bytes, %d at least", r.length, sectionBlock)
	}
	if err := r.stream.skip(int64(r.length) - sectionBlock); err != nil {
		return false, err
	}
	if err := r.trailer(); err != nil {
		return false, err
	}
	r.record.Kind = KindSection
	r.captured = false
	return true, nil
}

// event reads the block of an event. It finds none if the event has a code of a newer version.
func (r *Reader) event() (bool, error) {
	limit := MaxEvent
	if r.layout.large {
		limit = MaxLargeEvent
	}
	if int64(r.length) > int64(limit) {
		return false, damaged("an event has %d bytes, %d at most", r.length, limit)
	}
	block, err := r.stream.take(int(r.length) - 8)
	if err != nil {
		return false, short(err)
	}
	if err := r.sameLength(block[len(block)-4:]); err != nil {
		return false, err
	}
	r.record.Kind = KindEvent
	r.record.Event.Offset = r.start
	known, err := r.record.Event.read(block[:len(block)-4], r.layout)
	if err == nil && !known {
		r.skipped.Events++
	}
	return known, err
}
