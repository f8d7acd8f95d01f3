package sinks

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/output"
)

// FileSettings are those of falco.yaml's file_output.
type FileSettings struct {
	// Path of the file; it is made if it is not there, readable by its owner alone.
	Path string
	// KeepOpen keeps the file open between alerts (keep_alive). Otherwise each burst of alerts opens it anew, so that a
	// file that was moved away is made again.
	KeepOpen bool
	// MaxBytes is the size from which the file is moved to Path.1, that to Path.2, and so on; 0 lets it grow. Keep is how
	// many moved files stay.
	MaxBytes int64
	Keep     int
}

// File is a sink of lines in a file.
type File struct {
	settings FileSettings
	// file is nil while none is open; out writes to it.
	file *os.File
	out  lineWriter
	size int64
	line []byte
	// reopen is set by Reopen and served by the next Write.
	reopen atomic.Bool
}

// NewFile opens the file, so that a wrong path is an error at the start. A FIFO may have its reader later.
func NewFile(s FileSettings) (*File, error) {
	f := &File{settings: s}
	if err := f.open(); err != nil && !errors.Is(err, errNoReader) {
		return nil, err
	}
	return f, nil
}

// errNoReader: the path is a FIFO that no process has opened for reading.
var errNoReader = errors.New("no process reads this FIFO")

// Reopen makes the next alert open the file anew, as after a rotation by somebody else (SIGUSR1). Safe for any goroutine.
func (f *File) Reopen() { f.reopen.Store(true) }

func (f *File) open() error {
	// O_NONBLOCK: to open a FIFO would wait for its reader.
	file, err := os.OpenFile(f.settings.Path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK, 0o600)
	if st, e := os.Stat(f.settings.Path); errors.Is(err, unix.ENXIO) && e == nil && st.Mode()&os.ModeNamedPipe != 0 {
		return fmt.Errorf("open the alert file %s: %w", f.settings.Path, errNoReader)
	}
	if err != nil {
		return fmt.Errorf("open the alert file: %w", err)
	}
	st, err := file.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open the alert file: %w", err), file.Close())
	}
	f.file, f.size, f.out.w = file, st.Size(), file
	if f.size == 0 {
		f.out.cut = false // the line is in another file
	}
	return nil
}

// Write implements [output.Sink]. After an error the next alert opens the file anew.
func (f *File) Write(m output.Message) error {
	if f.reopen.Swap(false) {
		_ = f.shut() // what it held is written; the new one tells what matters
	}
	if f.file == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	f.line = append(append(f.line[:0], m.Text...), '\n')
	if most := f.settings.MaxBytes; most > 0 && f.size > 0 && f.size+int64(len(f.line)) > most {
		if err := f.rotate(); err != nil {
			return err
		}
	}
	n, err := f.out.Write(f.line)
	f.size += int64(n)
	if err != nil {
		return errors.Join(fmt.Errorf("write to the alert file: %w", err), f.shut())
	}
	return nil
}

// rotate moves each file one number on; the last one is overwritten.
func (f *File) rotate() error {
	if err := f.shut(); err != nil {
		return err
	}
	name := func(n int) string {
		if n == 0 {
			return f.settings.Path
		}
		return f.settings.Path + "." + strconv.Itoa(n)
	}
	if f.settings.Keep < 1 {
		if err := os.Remove(f.settings.Path); err != nil {
			return fmt.Errorf("rotate the alert file: %w", err)
		}
		return f.open()
	}
	for n := f.settings.Keep; n > 0; n-- {
		if err := os.Rename(name(n-1), name(n)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("rotate the alert file: %w", err)
		}
	}
	return f.open()
}

// Flush implements [output.Sink].
func (f *File) Flush() error {
	if f.settings.KeepOpen {
		return nil
	}
	return f.shut()
}

// Close implements [output.Sink].
func (f *File) Close() error { return f.shut() }

func (f *File) shut() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	if err != nil {
		return fmt.Errorf("close the alert file: %w", err)
	}
	return nil
}
