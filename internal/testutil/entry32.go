package testutil

import (
	"testing"

	"github.com/saker-sensor/saker/internal/ia32"
)

// NeedEntry32 skips a test that makes 32-bit system calls, where the kernel takes none.
func NeedEntry32(tb testing.TB) {
	tb.Helper()
	if enabled, err := ia32.Enabled(); err != nil {
		tb.Skipf("%s: %v", ia32.Needed, err)
	} else if !enabled {
		tb.Skip(ia32.Needed)
	}
}
