package scap

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/saker-sensor/saker/internal/testutil"
)

// captures returns the captures of the reference folder, by name.
func captures(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testutil.Shared(t, "regression/captures"), "*.scap"))
	if err != nil || len(files) == 0 {
		t.Fatalf("find the captures: %v, %d files", err, len(files))
	}
	out := map[string][]byte{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(file)] = data
	}
	return out
}

// count reads a capture to its end and counts its records by kind.
func count(in io.Reader) (map[Kind]int, error) {
	reader, kinds := NewReader(in), map[Kind]int{}
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return kinds, nil
		}
		if err != nil {
			return kinds, err
		}
		kinds[record.Kind]++
	}
}

func TestEveryCaptureIsReadToItsEnd(t *testing.T) {
	for name, data := range captures(t) {
		kinds, err := count(bytes.NewReader(data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		t.Log(name, kinds)
		if kinds[KindSection] != 1 || kinds[KindMachine] != 1 || kinds[KindProcess] == 0 || kinds[KindEvent] == 0 {
			t.Errorf("%s: read %v", name, kinds)
		}
	}
}
