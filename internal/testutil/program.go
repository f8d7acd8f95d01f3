package testutil

import (
	"os"
	"os/exec"
	"testing"
)

// NeedProgram skips a test that runs a program which this machine lacks. For root it fails: root runs the tests by make test, which
// installs what they need.
func NeedProgram(tb testing.TB, name string) {
	tb.Helper()
	_, err := exec.LookPath(name)
	switch {
	case err != nil && os.Getuid() == 0:
		tb.Fatalf("find %s: %v; run make test, it installs what is needed", name, err)
	case err != nil:
		tb.Skipf("needs %s, which make test installs", name)
	}
}
