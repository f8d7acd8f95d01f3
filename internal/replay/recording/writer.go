package recording

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"

	"github.com/klauspost/compress/zstd"

	"github.com/saker-sensor/saker/internal/decode"
	"github.com/saker-sensor/saker/internal/event"
)

// Writer writes blocks. Not safe for several goroutines at once.
type Writer struct {
	out     io.Writer
	encoder *zstd.Encoder
	// now is filled by Add.
	now *block
	// stored and frame are reused.
	stored, frame []byte
	written       int64
}

// NewWriter writes the header, in which it sets Format, Schema and Arch.
func NewWriter(out io.Writer, h Header) (*Writer, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, fmt.Errorf("write a recording: %w", err)
	}
	h.Format, h.Schema, h.Arch = formatVersion, decode.Schema(), runtime.GOARCH
	text, err := json.Marshal(&h)
	if err != nil {
		return nil, fmt.Errorf("write a recording: %w", err)
	}
	w := &Writer{out: out, encoder: encoder}
	w.frame = append(w.frame, magic...)
	w.frame = (&head{kind: blockHeader, stored: uint32(len(text)), full: uint32(len(text))}).append(w.frame, text)
	return w, w.write(text)
}

// Add takes an event that has its Raw record. It is written with its block: see Flush.
func (w *Writer) Add(ev *event.Event) error {
	if w.now == nil {
		mode, err := encoding()
		if err != nil {
			return err
		}
		w.now = newBlock(mode)
	}
	e := EntryOf(ev)
	if err := w.now.add(&e); err != nil || !w.now.full() {
		return err
	}
	return w.Flush()
}

// Flush writes the events that Add has taken.
func (w *Writer) Flush() error {
	if w.now == nil || w.now.count == 0 {
		return nil
	}
	defer w.now.reset()
	return w.block(w.now)
}

// write puts out the frame and the contents of a block in one call.
func (w *Writer) write(stored []byte) error {
	w.frame = append(w.frame, stored...)
	n, err := w.out.Write(w.frame)
	w.written += int64(n)
	w.frame = w.frame[:0]
	if err != nil {
		return fmt.Errorf("write a recording: %w", err)
	}
	return nil
}

// block writes a block of events.
func (w *Writer) block(b *block) error {
	// Encoded in two parts, so that they need not be joined first: a decoder takes frames one behind the other.
	w.stored = w.encoder.EncodeAll(b.events, w.encoder.EncodeAll(b.refs, w.stored[:0]))
	h := head{kind: blockEvents, stored: uint32(len(w.stored)), full: uint32(b.size()), first: b.first, last: b.last, count: b.count}
	w.frame = h.append(w.frame, w.stored)
	return w.write(w.stored)
}

// checksum is that of a block; head is without its last four bytes.
func checksum(head, stored []byte) uint32 {
	sum := crc32.Update(0, castagnoli, head)
	sum = crc32.Update(sum, castagnoli, []byte{0, 0, 0, 0})
	return crc32.Update(sum, castagnoli, stored)
}

func (h *head) read(from []byte) (sum uint32, ok bool) {
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(from[at:]) }
	h.kind, h.stored, h.full = from[4], u32(8), u32(12)
	h.first, h.last = int64(binary.LittleEndian.Uint64(from[16:])), int64(binary.LittleEndian.Uint64(from[24:]))
	h.count = u32(32)
	return u32(36), u32(0) == blockMagic
}
