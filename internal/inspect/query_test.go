package inspect

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/testutil"
)

var update = flag.Bool("update", false, "renew docs/events.md")

// docs/events.md is what --list-events prints.
func TestEventsReference(t *testing.T) {
	var got bytes.Buffer
	if err := ListEvents(&got, "markdown"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(testutil.Root(t), "docs", "events.md")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("docs/events.md is out of date; run make update (-file +table):\n%s", diff)
	}
}
