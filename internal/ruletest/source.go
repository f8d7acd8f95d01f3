package ruletest

import (
	"io"
	"slices"

	"github.com/saker-sensor/saker/internal/event"
)

// Source yields events: of a recording, or of a file of tests.
type Source interface {
	// Next returns the next event, which is valid until the next call, and io.EOF after the last.
	Next() (*event.Event, error)
}

// written are the events of a test that are written by hand.
type written struct {
	file *File
	test *test
	next int
}

func (w *written) Next() (*event.Event, error) {
	if w.next == len(w.test.events) {
		return nil, io.EOF
	}
	levels := append(slices.Clone(w.test.levels), w.test.events[w.next])
	ev, err := w.file.maker.Event(w.test.first+uint64(w.next), levels, w.test.notOfEvents)
	w.next++
	return ev, err
}

// Events yields the events of all tests that are written by hand, in the order of the file. Their numbers count from 1.
func (f *File) Events() Source {
	all := &several{}
	for _, t := range f.tests {
		if t.recording == "" {
			all.parts = append(all.parts, &written{file: f, test: t})
		}
	}
	return all
}

// several are sources one after the other.
type several struct{ parts []Source }

func (s *several) Next() (*event.Event, error) {
	for len(s.parts) > 0 {
		ev, err := s.parts[0].Next()
		if err != io.EOF { //nolint:errorlint // sources return it as it is
			return ev, err
		}
		s.parts = s.parts[1:]
	}
	return nil, io.EOF
}

// closeSource ends a source that holds a file.
func closeSource(s Source) {
	if c, ok := s.(io.Closer); ok {
		_ = c.Close() // it was read only
	}
}
