package recording

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/saker-sensor/saker/internal/decode"
	"github.com/saker-sensor/saker/internal/event"
)

// Reader reads a recording from its beginning to its end. Not safe for several goroutines at once.
type Reader struct {
	in     io.Reader
	offset int64
	header Header

	mode    cbor.DecMode
	decoder *zstd.Decoder
	// stored and full are the contents of the latest block, rest the entries of it that were not read yet, at is its offset.
	stored, full, rest []byte
	at                 int64

	processes []*event.Process
	places    []Place
	clocks    []*event.Clock
	hosts     []event.Hosts

	dec             decode.Decoder
	rec             event.Record
	num             uint64
	first, previous uint64
}

// NewReader reads the header. What it can't read is an [*Error].
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{in: in}
	start := make([]byte, len(magic))
	if _, err := io.ReadFull(in, start); err != nil || string(start) != magic {
		return nil, &Error{0, errors.New("this is no recording of Saker's; record one with sensor record")}
	}
	r.offset = int64(len(magic))
	h, err := r.block()
	if errors.Is(err, io.EOF) {
		err = &Error{r.at, ErrCut}
	}
	if err != nil {
		return nil, err
	}
	if h.kind != blockHeader {
		return nil, &Error{r.at, fmt.Errorf("%w: the recording does not begin with its description", ErrCorrupt)}
	}
	if err := json.Unmarshal(r.stored, &r.header); err != nil {
		return nil, &Error{r.at, fmt.Errorf("%w: its description: %w", ErrCorrupt, err)}
	}
	if err := r.header.check(); err != nil {
		return nil, &Error{r.at, err}
	}
	if r.mode, err = decoding(); err != nil {
		return nil, err
	}
	r.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxContents))
	return r, err
}

// check tells whether this build can read the events.
func (h *Header) check() error {
	switch {
	case h.Format > formatVersion:
		return fmt.Errorf("the recording has form %d, made by Saker %s; this version reads up to %d: replay it with that version or a newer one",
			h.Format, h.Version, formatVersion)
	case h.Arch != runtime.GOARCH:
		return fmt.Errorf("the recording is of an %s machine; replay it with Saker for %s", h.Arch, h.Arch)
	case h.Schema != decode.Schema():
		return fmt.Errorf("the recording has records of schema %s, made by Saker %s; this version reads %s: replay it with that version",
			h.Schema, h.Version, decode.Schema())
	}
	return nil
}

// Header is the recording's description.
func (r *Reader) Header() Header { return r.header }

// Offset is how many bytes of the file were read.
func (r *Reader) Offset() int64 { return r.offset }

// Close releases memory; it does not close what is read.
func (r *Reader) Close() error {
	r.decoder.Close()
	return nil
}

// Next returns the next event, as the rules saw it but for its number. It is valid until the next call. At the end the error is
// io.EOF; what can't be read is an [*Error], after which there is nothing more.
func (r *Reader) Next() (*event.Event, error) {
	for {
		for len(r.rest) == 0 {
			if err := r.nextBlock(); err != nil {
				return nil, err
			}
		}
		kind, body, err := r.entry()
		if err != nil {
			return nil, &Error{r.at, err}
		}
		if kind == entryEvent {
			ev, err := r.event(body)
			if err != nil {
				return nil, &Error{r.at, err}
			}
			return ev, nil
		}
		if err := r.refer(kind, body); err != nil {
			return nil, &Error{r.at, err}
		}
	}
}

// block reads a block's head and its stored contents.
func (r *Reader) block() (head, error) {
	var h head
	raw := make([]byte, headBytes)
	r.at = r.offset
	n, err := io.ReadFull(r.in, raw)
	r.offset += int64(n)
	if errors.Is(err, io.EOF) {
		return h, io.EOF
	}
	if err != nil {
		return h, r.readError(err)
	}
	sum, ok := h.read(raw)
	if !ok || h.stored > maxContents || h.full > maxContents {
		return h, &Error{r.at, fmt.Errorf("%w: its head", ErrCorrupt)}
	}
	if cap(r.stored) < int(h.stored) {
		r.stored = make([]byte, h.stored)
	}
	r.stored = r.stored[:h.stored]
	n, err = io.ReadFull(r.in, r.stored)
	r.offset += int64(n)
	if err != nil {
		return h, r.readError(err)
	}
	if checksum(raw[:headBytes-4], r.stored) != sum {
		return h, &Error{r.at, fmt.Errorf("%w: its checksum is another", ErrCorrupt)}
	}
	return h, nil
}

func (r *Reader) readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &Error{r.at, ErrCut}
	}
	return &Error{r.at, err}
}

// nextBlock makes the next block's entries the rest.
func (r *Reader) nextBlock() error {
	h, err := r.block()
	if err != nil {
		return err
	}
	if h.kind != blockEvents {
		return nil // of a later version, which says by the format whether it has to be known
	}
	if cap(r.full) < int(h.full) {
		r.full = make([]byte, 0, max(int(h.full), blockBytes))
	}
	if r.full, err = r.decoder.DecodeAll(r.stored, r.full[:0]); err != nil || len(r.full) != int(h.full) {
		return &Error{r.at, fmt.Errorf("%w: its contents can't be unpacked", ErrCorrupt)}
	}
	r.rest = r.full
	r.processes, r.places, r.clocks, r.hosts = r.processes[:0], r.places[:0], r.clocks[:0], r.hosts[:0]
	return nil
}

// entry takes one off the rest.
func (r *Reader) entry() (kind uint8, body []byte, err error) {
	if len(r.rest) < entryHead {
		return 0, nil, fmt.Errorf("%w: an entry has %d bytes", ErrCorrupt, len(r.rest))
	}
	n := binary.LittleEndian.Uint32(r.rest)
	if n < entryHead || n%8 != 0 || n > maxEntry || int(n) > len(r.rest) {
		return 0, nil, fmt.Errorf("%w: an entry of %d bytes, of %d that are left", ErrCorrupt, n, len(r.rest))
	}
	kind, body = r.rest[4], r.rest[entryHead:n]
	r.rest = r.rest[n:]
	return kind, body, nil
}

// refer keeps what later events refer to.
func (r *Reader) refer(kind uint8, body []byte) error {
	if len(body) < 4 || int(binary.LittleEndian.Uint32(body)) > len(body)-4 {
		return fmt.Errorf("%w: an entry's text is longer than the entry", ErrCorrupt)
	}
	text := body[4 : 4+binary.LittleEndian.Uint32(body)]
	switch kind {
	case entryProcess:
		var p image
		if err := r.unmarshal(text, &p); err != nil {
			return err
		}
		if p.ParentNumber > 0 {
			parent, err := numbered(r.processes, p.ParentNumber)
			if err != nil {
				return err
			}
			p.Parent = parent
		}
		own := p.Process
		r.processes = append(r.processes, &own)
	case entryPlace:
		var p Place
		if err := r.unmarshal(text, &p); err != nil {
			return err
		}
		r.places = append(r.places, p)
	case entryClock:
		var c *event.Clock
		if err := r.unmarshal(text, &c); err != nil {
			return err
		}
		if c != nil && len(c.Steps) == 0 {
			return fmt.Errorf("%w: a clock without steps", ErrCorrupt)
		}
		r.clocks = append(r.clocks, c)
	case entryHosts:
		var h event.Hosts
		if err := r.unmarshal(text, &h); err != nil {
			return err
		}
		r.hosts = append(r.hosts, h)
	}
	return nil
}

func (r *Reader) unmarshal(text []byte, v any) error {
	if err := r.mode.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%w: what events refer to: %w", ErrCorrupt, err)
	}
	return nil
}

// numbered is the n-th of what was kept, from 1 on.
func numbered[T any](all []T, n uint32) (T, error) {
	if n < 1 || int(n) > len(all) {
		var none T
		return none, fmt.Errorf("%w: an entry refers to number %d of %d", ErrCorrupt, n, len(all))
	}
	return all[n-1], nil
}

// event decodes an event and puts back what user space knew.
func (r *Reader) event(body []byte) (*event.Event, error) {
	if len(body) < eventHead-entryHead {
		return nil, fmt.Errorf("%w: an event of %d bytes", ErrCorrupt, len(body))
	}
	var e eventEntry
	e.read(body)
	body = body[eventHead-entryHead:]
	if uint64(e.raw)+7 > uint64(maxEntry) || uint64(e.source)+uint64(e.watched) > uint64(maxEntry) ||
		padded(int(e.raw))+padded(int(e.source)+int(e.watched)) != len(body) {
		return nil, fmt.Errorf("%w: an event's parts do not fill its entry", ErrCorrupt)
	}
	clock, err := numbered(r.clocks, uint32(e.clock))
	if err != nil {
		return nil, err
	}
	process, err := numbered(r.processes, e.process)
	if err != nil {
		return nil, err
	}
	place, err := numbered(r.places, e.place)
	if err != nil {
		return nil, err
	}
	r.dec.Clock = clock
	if err := r.dec.Decode(body[:e.raw], &r.rec); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if !r.rec.IsEvent() {
		return nil, fmt.Errorf("%w: a record that is no event", ErrCorrupt)
	}
	ev := &r.rec.Event
	if e.hosts > 0 {
		if ev.Hosts, err = numbered(r.hosts, uint32(e.hosts)); err != nil {
			return nil, err
		}
	}
	names := body[padded(int(e.raw)):]
	ev.Process, ev.Flags = process, event.Flags(e.flags)
	ev.Container, ev.ContainerID, ev.ContainerMissing = place.Container, place.ContainerID, place.ContainerMissing
	ev.PodMeta, ev.Accounts = place.PodMeta, place.Accounts
	ev.File.Source, ev.File.Watched = string(names[:e.source]), string(names[e.source:e.source+e.watched])
	r.num++
	if r.num == 1 {
		r.first, r.previous = ev.Boot, ev.Boot
	}
	ev.Num, ev.First, ev.Previous = r.num, r.first, r.previous
	r.previous = ev.Boot
	return ev, nil
}
