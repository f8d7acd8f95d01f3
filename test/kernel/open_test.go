package kernel

import (
	"path/filepath"
	"testing"

	"github.com/saker-sensor/saker/internal/event"
)

func TestOpenat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var want fileFacts
	c := trigger(t, &want, "openat", path)
	ev := c.open(event.TypeOpenat, path)
	t.Logf("%+v", ev)
	t.Logf("%+v", ev.Process)
	t.Logf("%+v", ev.Process.Parent)
}
