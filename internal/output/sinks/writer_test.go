package sinks

import (
	"bytes"
	"errors"
	"testing"

	"github.com/saker-sensor/saker/internal/output"
)

// flaky fails its first calls.
type flaky struct {
	bytes.Buffer
	failures int
	calls    int
}

func (f *flaky) Write(b []byte) (int, error) {
	f.calls++
	if f.failures > 0 {
		f.failures--
		return 0, errors.New("broken pipe")
	}
	return f.Buffer.Write(b)
}

func TestWriter(t *testing.T) {
	for _, buffered := range []bool{false, true} {
		w := &flaky{}
		s := NewWriter(w, buffered)
		for _, text := range []string{"one", "two"} {
			if err := s.Write(output.Message{Text: []byte(text)}); err != nil {
				t.Fatal(err)
			}
		}
		if wantCalls := map[bool]int{false: 2, true: 0}[buffered]; w.calls != wantCalls {
			t.Errorf("buffered %v: %d calls before the flush, want %d", buffered, w.calls, wantCalls)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got := w.String(); got != "one\ntwo\n" {
			t.Errorf("buffered %v: got %q", buffered, got)
		}
	}
}

func TestBufferedWriterRecovers(t *testing.T) {
	w := &flaky{failures: 1}
	s := NewWriter(w, true)
	if err := s.Write(output.Message{Text: []byte("lost")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(); err == nil {
		t.Error("the flush does not fail")
	}
	if err := s.Write(output.Message{Text: []byte("kept")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(); err != nil {
		t.Error(err)
	}
	if got := w.String(); got != "kept\n" {
		t.Errorf("got %q", got)
	}
}
