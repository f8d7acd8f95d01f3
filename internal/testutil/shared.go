// Package testutil holds what the tests of several rooms need. Only tests import it.
package testutil

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Root is the repository's root folder.
func Root(tb testing.TB) string {
	tb.Helper()
	return root()
}

func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Shared returns the path of a file of the reference folder, which lies beside the repository and is no part of it.
// Where it is absent the test is skipped.
func Shared(tb testing.TB, name string) string {
	tb.Helper()
	dir := filepath.Join(Root(tb), "..", "shared")
	if _, err := os.Stat(dir); err != nil {
		tb.Skip("reference folder ../shared is absent")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		tb.Fatalf("find a reference file: %v", err)
	}
	return path
}
