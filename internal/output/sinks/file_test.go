package sinks

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/output"
)

func write(t *testing.T, s output.Sink, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := s.Write(output.Message{Text: []byte(text), Priority: "Notice"}); err != nil {
			t.Fatalf("write %q: %v", text, err)
		}
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
}

func holds(t *testing.T, path string, lines ...string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for _, l := range lines {
		want += l + "\n"
	}
	if string(text) != want {
		t.Errorf("%s holds %q, not %q", filepath.Base(path), text, want)
	}
}

func openFile(t *testing.T, s FileSettings) *File {
	t.Helper()
	f, err := NewFile(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestFileAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts")
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, keep := range []bool{false, true} {
		f := openFile(t, FileSettings{Path: path, KeepOpen: keep})
		write(t, f, fmt.Sprint("keep ", keep))
	}
	holds(t, path, "before", "keep false", "keep true")
}

// Whoever rotates moves the file away. Without keep_alive the next burst makes a new one, with it Reopen does.
func TestFileIsReopened(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprint("keep open ", keep), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "alerts")
			f := openFile(t, FileSettings{Path: path, KeepOpen: keep})
			write(t, f, "one")
			if err := os.Rename(path, path+".moved"); err != nil {
				t.Fatal(err)
			}
			if keep {
				write(t, f, "still the old one")
				f.Reopen()
			}
			write(t, f, "two")
			holds(t, path, "two")
		})
	}
}

func TestFileRotatesBySize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts")
	f := openFile(t, FileSettings{Path: path, KeepOpen: true, MaxBytes: 10, Keep: 2})
	write(t, f, "1234", "5678") // 10 bytes with their newlines
	holds(t, path, "1234", "5678")
	write(t, f, "a longer line than the limit", "b", "c", "d", "e", "f", "g")
	holds(t, path, "g")
	holds(t, path+".1", "b", "c", "d", "e", "f")
	holds(t, path+".2", "a longer line than the limit")
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 3 {
		t.Errorf("%d files, not 3", len(entries))
	}
}

func TestFileWithoutOldOnes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts")
	f := openFile(t, FileSettings{Path: path, MaxBytes: 4})
	write(t, f, "abc", "def")
	holds(t, path, "def")
}

func TestFileErrors(t *testing.T) {
	if _, err := NewFile(FileSettings{Path: filepath.Join(t.TempDir(), "absent", "alerts")}); err == nil ||
		!strings.Contains(err.Error(), "open the alert file: ") {
		t.Errorf("a directory that is not there: %v", err)
	}
	// A full disk: the alert is lost and counted, and the next one tries anew.
	f := openFile(t, FileSettings{Path: "/dev/full"})
	for range 2 {
		if err := f.Write(output.Message{Text: []byte("x")}); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("a full disk: %v", err)
		}
	}
}
