package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/replay/export"
	"github.com/saker-sensor/saker/internal/replay/state"
)

// TestCapturesRoundTrip: what was read from a capture, written and read again has the same fields.
func TestCapturesRoundTrip(t *testing.T) {
	fields, captures := sharedCaptures(t)
	for _, file := range captures {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".scap"), func(t *testing.T) {
			in, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			var lines [][]string
			written := exported(t, OpenCapture(in, state.Settings{}), func(line []string) { lines = append(lines, line) }, fields)
			again := OpenCapture(bytes.NewReader(written), state.Settings{})
			compareLines(t, again, fields, lines)
		})
	}
}

// exported writes all events of a source, and tells the fields of each.
func exported(t *testing.T, source Source, each func([]string), fields []shown) []byte {
	t.Helper()
	var out bytes.Buffer
	e, err := export.New(&out, export.Settings{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for {
		ev, err := source.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var line []string
		for i := range fields {
			line = append(line, normal(value(&fields[i].ref, ev)))
		}
		each(line)
		if err := e.Write(ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", e.Counters())
	return out.Bytes()
}

func compareLines(t *testing.T, source Source, fields []shown, want [][]string) {
	t.Helper()
	differences, examples := map[string]int{}, map[string]string{}
	n := 0
	for ; ; n++ {
		ev, err := source.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("event %d: %v", n, err)
		}
		if n >= len(want) {
			t.Fatalf("more events than the %d that were written: %s", len(want), ev.Type)
		}
		for i := range fields {
			if got := normal(value(&fields[i].ref, ev)); got != want[n][i] && fields[i].key != "evt.num" {
				kind := fields[i].key + " of " + ev.Type.String()
				if differences[kind]++; differences[kind] == 1 {
					examples[kind] = fmt.Sprintf("event %d: got %s, want %s", n+1, got, want[n][i])
				}
			}
		}
	}
	if n != len(want) {
		t.Errorf("%d events, want %d", n, len(want))
	}
	for _, kind := range slices.Sorted(maps.Keys(differences)) {
		t.Errorf("%s: %d differ: %s", kind, differences[kind], examples[kind])
	}
}
