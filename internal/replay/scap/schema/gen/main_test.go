package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/saker-sensor/saker/internal/testutil"
)

func TestTableIsOfTheList(t *testing.T) {
	out := filepath.Join(t.TempDir(), "table.go")
	if err := generate(testutil.Shared(t, "reference/event_table.csv"), out); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../table.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Error("table.go is not what the list of events compiles to: run go generate in internal/replay/scap/schema")
	}
}
