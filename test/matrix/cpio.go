package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// archive writes an initramfs: a cpio archive of the "newc" form (Documentation/driver-api/early-userspace/buffer-format.rst).
type archive struct {
	w   io.Writer
	ino int
	err error
}

// add writes one entry. A parent folder comes before what is in it.
func (a *archive) add(name string, mode uint32, major, minor int, data []byte) {
	a.ino++
	a.write(fmt.Appendf(nil, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		a.ino, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name)+1, 0, name), 110+len(name)+1)
	a.write(data, len(data))
}

// write pads what it writes to a multiple of 4 bytes.
func (a *archive) write(data []byte, size int) {
	if a.err == nil {
		_, a.err = a.w.Write(append(data[:size:size], make([]byte, -size&3)...))
	}
}

const (
	modeDir  = 0o040000
	modeFile = 0o100000
	modeLink = 0o120000
	modeChar = 0o020000
)

func (a *archive) dir(names ...string) {
	for _, name := range names {
		a.add(name, modeDir|0o755, 0, 0, nil)
	}
}

func (a *archive) text(name string, perm fs.FileMode, text string) {
	a.add(name, modeFile|uint32(perm), 0, 0, []byte(text))
}

func (a *archive) link(name, target string) { a.add(name, modeLink|0o777, 0, 0, []byte(target)) }

func (a *archive) file(name string, perm fs.FileMode, from string) {
	data, err := os.ReadFile(from)
	if err != nil && a.err == nil {
		a.err = err
	}
	a.add(name, modeFile|uint32(perm), 0, 0, data)
}

// tree adds a folder of the disk, without links.
func (a *archive) tree(name, from string) {
	err := fs.WalkDir(os.DirFS(from), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := name
		if path != "." {
			target += "/" + path
		}
		switch {
		case d.IsDir():
			a.dir(target)
		case d.Type().IsRegular():
			a.file(target, 0o755, from+"/"+path)
		}
		return nil
	})
	if err != nil && a.err == nil {
		a.err = err
	}
}

func (a *archive) close() error {
	a.add("TRAILER!!!", 0, 0, 0, nil)
	return a.err
}
