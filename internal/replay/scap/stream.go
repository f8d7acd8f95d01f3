package scap

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
)

// window is the number of bytes that a stream reads at once. The window grows for longer blocks.
const window = 128 << 10

// stream is the uncompressed file, of which a window is in memory.
type stream struct {
	in       io.Reader
	buf      []byte
	from, to int
	// offset is that of buf[from].
	offset int64
	// err is what ended the input. It counts when the window is empty.
	err error
	// packed says that the file is compressed.
	packed bool
}

// open looks at the first bytes of in and unpacks gzip, also of several members.
func (s *stream) open(in io.Reader) {
	file := bufio.NewReaderSize(in, window)
	s.in, s.buf = file, make([]byte, window)
	if magic, _ := file.Peek(2); string(magic) != "\x1f\x8b" {
		return
	}
	s.packed = true
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		s.err = err
		return
	}
	s.in = unpacked
}

// take returns the next n bytes, which are valid until the next call. At the end of the file it is io.EOF if there is no byte more, and
// io.ErrUnexpectedEOF if there are fewer than n. Memory grows with what the file really has, up to twice n.
func (s *stream) take(n int) ([]byte, error) {
	for s.to-s.from < n {
		if s.err != nil {
			return nil, s.end()
		}
		s.fill(n)
	}
	taken := s.buf[s.from : s.from+n : s.from+n]
	s.from += n
	s.offset += int64(n)
	return taken, nil
}

// fill reads once, with room for some of the n bytes that are wanted.
func (s *stream) fill(n int) {
	if s.from > 0 {
		s.to = copy(s.buf, s.buf[s.from:s.to])
		s.from = 0
	}
	if s.to == len(s.buf) {
		grown := make([]byte, min(2*len(s.buf), max(n, window)))
		copy(grown, s.buf)
		s.buf = grown
	}
	read, err := s.in.Read(s.buf[s.to:])
	s.to += read
	s.err = err
}

// peek returns the next bytes without taking them, at most n.
func (s *stream) peek(n int) []byte {
	for s.to-s.from < n && s.err == nil {
		s.fill(n)
	}
	return s.buf[s.from:min(s.to, s.from+n)]
}

// skip passes over n bytes without keeping them.
func (s *stream) skip(n int64) error {
	for n > 0 {
		step := int(min(n, int64(max(1, s.to-s.from))))
		if _, err := s.take(step); err != nil {
			return short(err)
		}
		n -= int64(step)
	}
	return nil
}

// end says how the input ended: at the end of a block or within, or in damage of the compression.
func (s *stream) end() error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(s.err, io.EOF) && s.from == s.to:
		return io.EOF
	case errors.Is(s.err, io.EOF):
		return io.ErrUnexpectedEOF
	case errors.Is(s.err, gzip.ErrChecksum), errors.Is(s.err, gzip.ErrHeader), errors.As(s.err, &corrupt):
		return damaged("unpack it: %w", s.err)
	}
	return s.err
}

// short is the error of a part of a block: there the end of the file is unexpected too.
func short(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
