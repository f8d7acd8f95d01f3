package ia32

import (
	"os"
	"testing"
)

// TestEnabled: if the kernel says that the entry is there, a call by it means what it means by the other entry. A vector that no
// kernel gives to user space is recognised as absent, and the process goes on.
func TestEnabled(t *testing.T) {
	if survives(absent) {
		t.Error("vector 0x81 is taken for one that user space may use")
	}
	enabled, err := Enabled()
	if err != nil {
		t.Skip(err)
	}
	if !enabled {
		t.Skip(Needed)
	}
	if pid := Int80(getpid, 0, 0, 0, 0); int(pid) != os.Getpid() {
		t.Errorf("getpid by the 32-bit entry is %d, want %d", pid, os.Getpid())
	}
}
