// Package sinks has the places that alerts are written to: standard output, a file, a program, a web server, syslog.
package sinks

import (
	"bufio"
	"io"

	"github.com/saker-sensor/saker/internal/output"
)

// Writer is a sink of lines: standard output. A write that fails, as one to a pipe whose reader has gone does, loses its alerts; the next
// one is tried all the same.
type Writer struct {
	w *lineWriter
	// buf is nil if every line goes out at once.
	buf  *bufio.Writer
	line []byte
}

// NewWriter makes a sink of a writer, which stays the caller's. If buffered, lines gather while more alerts wait
// (buffered_outputs); otherwise each is one call of w.Write.
func NewWriter(w io.Writer, buffered bool) *Writer {
	s := &Writer{w: &lineWriter{w: w}}
	if buffered {
		s.buf = bufio.NewWriterSize(s.w, 64<<10)
	}
	return s
}

// Write implements [output.Sink].
func (s *Writer) Write(m output.Message) error {
	s.line = append(append(s.line[:0], m.Text...), '\n')
	if s.buf == nil {
		_, err := s.w.Write(s.line)
		return err
	}
	if s.buf.Available() < len(s.line) { // so that the writer gets whole lines
		if err := s.buf.Flush(); err != nil {
			return err // the next Flush returns it again, for the alerts that were in the buffer
		}
	}
	_, err := s.buf.Write(s.line)
	return err
}

// Flush implements [output.Sink]. After an error the sink starts afresh.
func (s *Writer) Flush() error {
	if s.buf == nil {
		return nil
	}
	err := s.buf.Flush()
	if err != nil {
		s.buf.Reset(s.w) // it would return the same error for ever
	}
	return err
}

// Close implements [output.Sink]; it does not close the writer.
func (s *Writer) Close() error { return s.Flush() }
