// Package kernelbtf lets a program run as on a kernel that lacks something. Whoever loads BPF programs finds tracepoints
// and iterators by their names in the kernel's BTF; so a kernel without a name there is one without the thing.
package kernelbtf

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// file is where the kernel describes its own types.
const file = "/sys/kernel/btf/vmlinux"

// Lacking returns the beginning of a command line: what follows it runs in a mount namespace of its own, where the
// kernel's BTF lacks these names. The process keeps its pid. Needs root.
func Lacking(t testing.TB, names ...string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		old := []byte("\x00" + name + "\x00") // the string section's form (Documentation/bpf/btf.rst)
		if bytes.Count(text, old) != 1 {
			t.Fatalf("%s: %q is there %d times, want once", file, name, bytes.Count(text, old))
		}
		other := bytes.Clone(old)
		other[1] = 'X'
		text = bytes.Replace(text, old, other, 1)
	}
	changed := filepath.Join(t.TempDir(), "vmlinux")
	if err := os.WriteFile(changed, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"unshare", "-m", "sh", "-c", `mount -o bind "$0" ` + file + ` && exec "$@"`, changed}
}
