// Package cloudtrail is the source aws_cloudtrail: what AWS tells of calls of its APIs, in CloudTrail's log files.
package cloudtrail

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/source/document"
)

// logFile is a log file as it is stored: JSON, or JSON that gzip packed if its name ends so.
type logFile struct {
	name string
	body []byte
}

// origin yields log files until its end, which is io.EOF, or the context's.
type origin interface {
	next(context.Context) (logFile, error)
	Close() error
}

// Reader makes events of an origin's log files.
type Reader struct {
	origin
	parser fastjson.Parser
	maker  document.Maker
	// name is the file at hand; left are its records that are yet to come.
	name string
	left []*fastjson.Value
}

// Open opens what open_params of Falco's plugin cloudtrail name: a log file, or a folder with log files in it or below.
func Open(params string) (*Reader, error) {
	params = strings.TrimSpace(params)
	var from *files
	err := errors.New("it is empty; name a folder with CloudTrail's log files")
	switch scheme, _, isURL := strings.Cut(params, "://"); {
	case params == "":
	case isURL:
		err = fmt.Errorf("%s:// can't be read; copy the log files to a folder and name that", scheme)
	default:
		from, err = openFiles(params)
	}
	if err != nil {
		return nil, fmt.Errorf("open the source aws_cloudtrail: open_params %q: %w", params, err)
	}
	return &Reader{origin: from}, nil
}

// Next yields the next event, valid until the next call, or a [*document.Malformed]; the end is io.EOF or the context's error.
func (r *Reader) Next(ctx context.Context) (*event.Event, error) {
	for {
		if len(r.left) == 0 {
			file, err := r.next(ctx)
			if err != nil {
				return nil, err
			}
			if err := r.read(file); err != nil {
				return nil, &document.Malformed{Where: file.name, Err: err}
			}
			continue
		}
		record := r.left[0]
		r.left = r.left[1:]
		kind := document.String(record, "eventType")
		if kind == "AwsCloudTrailInsight" {
			continue // as in Falco's plugin: it tells of no call
		}
		at, err := time.Parse(time.RFC3339, document.String(record, "eventTime"))
		switch {
		case err != nil:
			return nil, document.Malformedf(r.name, "a record has no eventTime: %w", err)
		case kind == "":
			return nil, document.Malformedf(r.name, "a record has no eventType")
		}
		return r.maker.Event(record, at), nil
	}
}

// maxFile bounds a log file once it is unpacked, in bytes; CloudTrail's own have some MB.
const maxFile = 256 << 20

// read finds a file's records.
func (r *Reader) read(file logFile) error {
	r.name, r.left = file.name, r.left[:0]
	body := file.body
	if strings.HasSuffix(file.name, ".gz") {
		var err error
		if body, err = unpack(body); err != nil {
			return fmt.Errorf("unpack the log file: %w", err)
		}
	}
	root, err := r.parser.ParseBytes(body)
	if err != nil {
		return err
	}
	records := root.Get("Records")
	if records == nil || records.Type() != fastjson.TypeArray {
		return errors.New("this is no log file of CloudTrail: it has no list of Records")
	}
	r.left = append(r.left, records.GetArray()...)
	return nil
}

func unpack(body []byte) ([]byte, error) {
	in, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err == nil && len(out) > maxFile {
		err = fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	return out, err
}

// files are log files on this machine.
type files struct{ paths []string }

// openFiles finds the log files in a folder and below it, in the order of their names, or takes a single one.
func openFiles(path string) (*files, error) {
	f := &files{}
	err := filepath.WalkDir(path, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && (strings.HasSuffix(path, ".json") || strings.HasSuffix(path, ".json.gz")) {
			f.paths = append(f.paths, path)
		}
		return err
	})
	if err == nil && len(f.paths) == 0 {
		err = errors.New("there is no log file (*.json, *.json.gz)")
	}
	return f, err
}

func (f *files) next(ctx context.Context) (logFile, error) {
	if err := ctx.Err(); err != nil {
		return logFile{}, err
	}
	if len(f.paths) == 0 {
		return logFile{}, io.EOF
	}
	path := f.paths[0]
	f.paths = f.paths[1:]
	body, err := readFile(path)
	return logFile{path, body}, err
}

func readFile(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Size() > maxFile {
		return nil, fmt.Errorf("read %s: it is larger than %d bytes", path, maxFile)
	}
	return os.ReadFile(path)
}

func (f *files) Close() error { return nil }
