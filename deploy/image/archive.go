package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// layer holds the files, owned by root, without a time.
func (s settings) layer(files []copied) (v1.Layer, error) {
	var text bytes.Buffer
	w := tar.NewWriter(&text)
	made := map[string]bool{".": true}
	for _, f := range files {
		name := strings.TrimPrefix(f.to, "/")
		if err := addFolders(w, made, path.Dir(name)); err != nil {
			return nil, err
		}
		if err := addFile(w, name, s.source(f.from)); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(text.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
}

// source is where a file of the build stage is here: below /src the repository, else the machine's own.
func (s settings) source(name string) string {
	if inside, ok := strings.CutPrefix(name, "/src/"); ok {
		return filepath.Join(s.root, inside)
	}
	return name
}

func addFolders(w *tar.Writer, made map[string]bool, name string) error {
	if made[name] {
		return nil
	}
	if err := addFolders(w, made, path.Dir(name)); err != nil {
		return err
	}
	made[name] = true
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755})
}

func addFile(w *tar.Writer, name, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("%w; make image builds the binaries, and the certificates are of the package ca-certificates", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	// The umask of who built it does not count.
	mode := int64(0o644)
	if st.Mode()&0o100 != 0 {
		mode = 0o755
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: st.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

// archive puts a folder into a tar file, sorted by name. A failure leaves no file.
func archive(dir, out string) error {
	f, err := os.Create(out)
	if err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	w := tar.NewWriter(f)
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		inside, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		return addFile(w, inside, name)
	})
	if err == nil {
		err = w.Close()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(out)
		return fmt.Errorf("write the archive %s: %w", out, err)
	}
	return nil
}
