package spool

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// A record, little-endian:
//
//	 0 mark     4 bytes, to find the next record behind damage
//	 4 length   u32, of the data
//	 8 number   u64
//	16 checksum u32, CRC-32C of length, number and data
//	20 data
const headerBytes = 20

// segmentName is a segment's file, by its first number.
const segmentName = "%016x.alerts"

func nameOf(first uint64) string { return fmt.Sprintf(segmentName, first) }

func mark() []byte { return []byte("\x00Skr") }

func checksum(header, data []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // made once by the library
	return crc32.Update(crc32.Checksum(header[4:16], table), table, data)
}

func appendRecord(dst []byte, number uint64, data []byte) []byte {
	var header [headerBytes]byte
	copy(header[:], mark())
	binary.LittleEndian.PutUint32(header[4:], uint32(len(data)))
	binary.LittleEndian.PutUint64(header[8:], number)
	binary.LittleEndian.PutUint32(header[16:], checksum(header[:], data))
	return append(append(dst, header[:]...), data...)
}

// record is the result of parse.
type record struct {
	number uint64
	// data lies in the text that was parsed.
	data []byte
	// size is that of the whole record.
	size int64
}

// parse looks at the start of a text that goes on for left bytes, of which text has the first ones. If more of it is needed,
// need is how much, from the start; it is 0 if there is no whole record there.
func parse(text []byte, left int64) (r record, ok bool, need int64) {
	if left < headerBytes {
		return record{}, false, 0
	}
	if len(text) < headerBytes {
		return record{}, false, headerBytes
	}
	size := headerBytes + int64(binary.LittleEndian.Uint32(text[4:]))
	if !bytes.HasPrefix(text, mark()) || size > left {
		return record{}, false, 0
	}
	if int64(len(text)) < size {
		return record{}, false, size
	}
	data := text[headerBytes:size]
	if binary.LittleEndian.Uint32(text[16:]) != checksum(text, data) {
		return record{}, false, 0
	}
	return record{binary.LittleEndian.Uint64(text[8:]), data, size}, true, 0
}

// scan reads a segment: where its last whole record ends, and that record's number, 0 if there is none. Damage before the last
// one is left to the reader.
func scan(f *os.File, size int64) (whole int64, last uint64, err error) {
	c := cursor{file: f, limit: size}
	for {
		r, ok, err := c.next()
		if err != nil || !ok {
			return whole, last, err
		}
		whole, last = c.offset, r.number
	}
}

// cursor reads the records of a segment.
type cursor struct {
	file *os.File
	// offset is where the next record begins, limit where the last one ends.
	offset, limit int64
	// text is what was read from offset on, in buffer.
	text, buffer []byte
	// damaged counts the places without a whole record that were passed over.
	damaged uint64
	inside  bool
}

const chunk = 64 << 10

// next passes over damage. ok is false at the limit. The record is valid until the next call.
func (c *cursor) next() (r record, ok bool, err error) {
	for c.offset < c.limit {
		var need int64
		if r, ok, need = parse(c.text, c.limit-c.offset); ok {
			c.skip(r.size)
			c.inside = false
			return r, true, nil
		}
		if need > 0 {
			if err := c.read(max(need, chunk)); err != nil {
				return record{}, false, err
			}
			continue
		}
		if !c.inside {
			c.inside = true
			c.damaged++
		}
		c.resync()
	}
	return record{}, false, nil
}

// skip goes on by so many bytes, all of which were read.
func (c *cursor) skip(n int64) {
	c.offset += n
	c.text = c.text[n:]
}

// resync goes to the next mark.
func (c *cursor) resync() {
	if len(c.text) == 0 {
		c.offset = c.limit // less than a header is left
		return
	}
	if i := bytes.Index(c.text[1:], mark()); i >= 0 {
		c.skip(int64(1 + i))
		return
	}
	// A mark may begin in the last bytes that were read.
	c.skip(max(int64(len(c.text)-len(mark())+1), 1))
}

// read reads so many bytes from offset on, or up to the limit.
func (c *cursor) read(n int64) error {
	n = min(n, c.limit-c.offset)
	if int64(cap(c.buffer)) < n {
		c.buffer = make([]byte, n)
	}
	c.text = nil
	got, err := c.file.ReadAt(c.buffer[:n], c.offset)
	if int64(got) < n {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF // it was there when the limit was set
		}
		return err
	}
	c.text = c.buffer[:n]
	return nil
}
