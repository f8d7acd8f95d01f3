// Package replay makes a source of events of a file: a recording of Saker's own, or a capture of Falco's.
package replay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/recording"
	"github.com/saker-sensor/saker/internal/replay/state"
)

// Source yields recorded events in their order, as rules see them. At the end the error is io.EOF. An event is valid until the next
// call.
type Source interface {
	Next() (*event.Event, error)
	Close() error
}

// File is a file that is replayed. Its methods are for one goroutine, but for Progress.
type File struct {
	Source
	file *os.File
	size int64
	read atomic.Int64
}

// Open opens a recording or a capture; the first bytes tell which it is.
func Open(path string) (*File, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, openError(path, err)
	}
	f := &File{file: in}
	if st, err := in.Stat(); err != nil || st.IsDir() {
		_ = in.Close()
		if err == nil {
			err = errors.New("it is a directory; name a file in it")
		}
		return nil, openError(path, err)
	} else if st.Mode().IsRegular() {
		f.size = st.Size()
	}
	if f.Source, err = open(bufio.NewReaderSize(counted{in, &f.read}, 1<<16)); err != nil {
		_ = in.Close()
		return nil, openError(path, err)
	}
	return f, nil
}

func openError(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("replay %s: %w", path, err)
}

func open(in *bufio.Reader) (Source, error) {
	if head, _ := in.Peek(len(section)); bytes.HasPrefix(head, []byte(packed)) || bytes.HasPrefix(head, []byte(section)) {
		return OpenCapture(in, state.Settings{}), nil
	}
	return recording.NewReader(in)
}

// What a capture begins with, if gzip packed it and if not.
const (
	packed  = "\x1f\x8b"
	section = "\n\r\r\n"
)

// Progress tells how many bytes of the file were read, and how many it has; 0 if that is not known, as of a pipe.
func (f *File) Progress() (read, size int64) { return f.read.Load(), f.size }

// Close closes the source and the file.
func (f *File) Close() error { return errors.Join(f.Source.Close(), f.file.Close()) }

// counted counts what is read.
type counted struct {
	in   io.Reader
	read *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.read.Add(int64(n))
	return n, err
}
