package sensor

import (
	"testing"

	"github.com/prometheus/procfs"
)

// TestRelease: most pages of the binary are given back, and the program runs on.
func TestRelease(t *testing.T) {
	before := resident(t)
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if after := resident(t); after > before/2 {
		t.Errorf("%d kB of files are resident after the release, %d before it", after/1024, before/1024)
	}
}

// resident is what of mapped files, above all the binary, is in memory, in bytes.
func resident(t *testing.T) uint64 {
	t.Helper()
	self, err := procfs.Self()
	if err != nil {
		t.Fatal(err)
	}
	status, err := self.NewStatus()
	if err != nil {
		t.Fatal(err)
	}
	return status.RssFile
}
