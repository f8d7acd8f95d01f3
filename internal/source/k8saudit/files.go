package k8saudit

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// lineReader yields the lines of a file, and skips those that are too long.
type lineReader struct {
	path string
	in   *bufio.Reader
	max  int
	// line is what was read of the line at hand, and number its number. long: it is too long, and skipped.
	line   []byte
	number int
	long   bool
}

func newLineReader(path string, in io.Reader, most int) *lineReader {
	return &lineReader{path: path, in: bufio.NewReaderSize(in, 1<<16), max: most, number: 1}
}

// next yields the next line that holds something. At the end it keeps what it has of a line, unless that has no end.
func (r *lineReader) next() (payload, error) {
	for {
		part, err := r.in.ReadSlice('\n')
		if r.long = r.long || len(r.line)+len(part) > r.max; !r.long {
			r.line = append(r.line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return payload{}, err
		}
		p, empty := r.take()
		if !empty {
			return p, nil
		}
	}
}

// take ends a line.
func (r *lineReader) take() (p payload, empty bool) {
	p = payload{body: bytes.TrimSpace(r.line), where: fmt.Sprintf("%s:%d", r.path, r.number)}
	if r.long {
		p.err = fmt.Errorf("the line is longer than %d bytes", r.max)
	}
	r.line, r.long = r.line[:0], false
	r.number++
	return p, len(p.body) == 0 && p.err == nil
}

// files yields the lines of files, one after the other.
type files struct {
	paths []string
	max   int
	file  *os.File
	lines *lineReader
}

// openFiles opens a file, or those of a folder by the time of their last change.
func openFiles(path string, most int) (*files, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return &files{paths: []string{path}, max: most}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	type dated struct {
		path string
		at   time.Time
	}
	var all []dated
	for _, e := range entries {
		if st, err := e.Info(); err == nil && !st.IsDir() {
			all = append(all, dated{filepath.Join(path, e.Name()), st.ModTime()})
		}
	}
	slices.SortStableFunc(all, func(a, b dated) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.path, b.path)) })
	f := &files{max: most}
	for _, d := range all {
		f.paths = append(f.paths, d.path)
	}
	return f, nil
}

func (f *files) next(ctx context.Context) (payload, error) {
	for {
		if err := ctx.Err(); err != nil {
			return payload{}, err
		}
		if f.lines == nil {
			if len(f.paths) == 0 {
				return payload{}, io.EOF
			}
			var err error
			if f.file, err = os.Open(f.paths[0]); err != nil {
				return payload{}, err
			}
			f.lines = newLineReader(f.paths[0], f.file, f.max)
			f.paths = f.paths[1:]
		}
		p, err := f.lines.next()
		if !errors.Is(err, io.EOF) {
			return p, err
		}
		p, empty := f.lines.take() // the last line may have no end
		_ = f.file.Close()
		f.file, f.lines = nil, nil
		if !empty {
			return p, nil
		}
	}
}

func (f *files) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

// pollInterval is how often a followed file is looked at.
const pollInterval = 250 * time.Millisecond

// followed yields the lines that are appended to a file. When another file has its name it goes on with that one.
type followed struct {
	path  string
	max   int
	file  *os.File
	lines *lineReader
	read  int64
}

// openFollowed begins at the end of the file as it is now; it may be absent.
func openFollowed(path string, most int) (*followed, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	f := &followed{path: path, max: most}
	err = f.open(io.SeekEnd)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return f, err
}

func (f *followed) open(whence int) error {
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	if f.read, err = file.Seek(0, whence); err != nil {
		_ = file.Close()
		return err
	}
	f.file, f.lines = file, newLineReader(f.path, readerFunc(f.readFile), f.max)
	return nil
}

// readFile reads the file and counts what was read.
func (f *followed) readFile(p []byte) (int, error) {
	n, err := f.file.Read(p)
	f.read += int64(n)
	return n, err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func (f *followed) next(ctx context.Context) (payload, error) {
	for {
		if f.file != nil {
			p, err := f.lines.next()
			if !errors.Is(err, io.EOF) {
				return p, err
			}
		}
		changed, err := f.turn()
		if err != nil {
			return payload{}, err
		}
		if changed {
			continue
		}
		select {
		case <-ctx.Done():
			return payload{}, ctx.Err()
		case <-time.After(pollInterval):
		}
	}
}

// turn goes on with another file of the name, or from the beginning of one that was cut. It is called when all was read.
func (f *followed) turn() (changed bool, err error) {
	now, err := os.Stat(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil // until there is one again
	} else if err != nil {
		return false, err
	}
	if f.file != nil {
		was, err := f.file.Stat()
		if err != nil {
			return false, err
		}
		if os.SameFile(was, now) && now.Size() >= f.read {
			return false, nil
		}
		_ = f.file.Close()
		f.file = nil
	}
	err = f.open(io.SeekStart)
	return err == nil, err
}

func (f *followed) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}
