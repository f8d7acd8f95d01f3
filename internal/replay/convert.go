package replay

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/saker-sensor/saker/internal/replay/export"
	"github.com/saker-sensor/saker/internal/replay/recording"
)

// Convert writes the events of a recording or a capture as a capture (.scap) in today's form, packed by gzip if its name ends with .gz.
// A file of that name is replaced. enter is [export.Settings.Enter]. If an error ends the source, what was before it is written, and the
// counters are those of that.
func Convert(in, out string, enter bool) (export.Counters, error) {
	source, err := Open(in)
	if err != nil {
		return export.Counters{}, err
	}
	defer func() { _ = source.Close() }()
	if from, err := source.file.Stat(); err == nil {
		if to, err := os.Stat(out); err == nil && os.SameFile(from, to) {
			return export.Counters{}, fmt.Errorf("write %s: it is the file that is read; name another", out)
		}
	}
	file, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return export.Counters{}, openError(out, err)
	}
	var to io.Writer = file
	finish := file.Close
	if strings.HasSuffix(out, ".gz") {
		packer := gzip.NewWriter(file)
		to = packer
		finish = func() error { return errors.Join(packer.Close(), file.Close()) }
	}
	counters, read, written := source.export(to, export.Settings{Dir: filepath.Dir(out), Enter: enter})
	if err := errors.Join(written, finish()); err != nil {
		return counters, fmt.Errorf("write %s: %w", out, err)
	}
	if read != nil {
		return counters, fmt.Errorf("replay %s: %w", in, read)
	}
	return counters, nil
}

// export writes all events. One error is of what was read, the other of what was written.
func (f *File) export(to io.Writer, settings export.Settings) (c export.Counters, read, written error) {
	if r, ok := f.Source.(*recording.Reader); ok {
		settings.Hostname = r.Header().Hostname
	}
	e, err := export.New(to, settings)
	if err != nil {
		return c, nil, err
	}
	for {
		ev, err := f.Next()
		if err != nil {
			read = err
			break
		}
		if err := e.Write(ev); err != nil {
			return e.Counters(), nil, errors.Join(err, e.Close())
		}
	}
	if errors.Is(read, io.EOF) {
		read = nil
	}
	written = e.Close()
	return e.Counters(), read, written
}
