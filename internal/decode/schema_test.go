package decode

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"
)

// TestWireVersion: recordings hold records as the kernel's side made them, so a change of their layout needs another version.
func TestWireVersion(t *testing.T) {
	const version, digest = 2, "25609b7683061ede"
	text, err := os.ReadFile("../../bpf/event.h")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	if got := hex.EncodeToString(sum[:8]); got != digest || WireVersion != version {
		t.Errorf("bpf/event.h has digest %s and WireVersion is %d; the test knows %s for %d. If a record's layout or meaning changed, raise "+
			"WireVersion; then put both here", got, WireVersion, digest, version)
	}
}
