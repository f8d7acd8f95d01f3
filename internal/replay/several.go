package replay

import (
	"errors"
	"fmt"
	"io"

	"github.com/saker-sensor/saker/internal/event"
)

// several are files one behind the other.
type several struct {
	paths []string
	now   *File
	path  string
}

// OpenAll makes one source of several files, which are opened when their turn comes, the first one now.
func OpenAll(paths ...string) (Source, error) {
	s := &several{paths: paths}
	return s, s.open()
}

func (s *several) open() error {
	if len(s.paths) == 0 {
		return io.EOF
	}
	var err error
	s.path, s.paths = s.paths[0], s.paths[1:]
	s.now, err = Open(s.path)
	return err
}

// Next implements [Source].
func (s *several) Next() (*event.Event, error) {
	for {
		ev, err := s.now.Next()
		if err == nil {
			return ev, nil
		}
		if !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("replay %s: %w", s.path, err)
		}
		if len(s.paths) == 0 {
			return nil, io.EOF
		}
		if err := errors.Join(s.now.Close(), s.open()); err != nil {
			return nil, err
		}
	}
}

// Close implements [Source].
func (s *several) Close() error {
	if s.now == nil {
		return nil
	}
	return s.now.Close()
}
