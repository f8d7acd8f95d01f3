package probe

import (
	"bufio"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/call"
)

// Each call that keeps something at its begin is one that this kernel defines, and has a tracepoint, by the names that are looked for.
func TestTracepoints(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: tracefs")
	}
	points, err := readTracepoints()
	if err != nil {
		t.Fatal(err)
	}
	has := definedCalls(t)
	tested := 0
	for _, typ := range call.New().Native() {
		if _, isOwn := own[typ]; !isOwn && !keepsAtEntry(call.New().Row(typ)) {
			continue
		}
		if tested++; has[tracepointName(typ)] && points[typ.String()] == 0 {
			t.Errorf("%s: no tracepoint sys_enter_%s", typ, tracepointName(typ))
		}
		if !has[tracepointName(typ)] {
			t.Errorf("%s: the kernel defines no call of the name %s", typ, tracepointName(typ))
		}
	}
	known := map[string]int{"amd64": 30, "arm64": 19}[runtime.GOARCH] // arm64 has no open, unlink, …
	if tested < known {
		t.Errorf("%d calls keep something at their begin; more are known", tested)
	}
}

// definedCalls are the names of the calls that the kernel defines.
func definedCalls(t *testing.T) map[string]bool {
	t.Helper()
	prefix := map[string]string{"amd64": "__x64_sys_", "arm64": "__arm64_sys_"}[runtime.GOARCH]
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	names := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, ok := strings.CutPrefix(strings.Fields(lines.Text())[2], prefix); ok {
			names[name] = true
		}
	}
	if len(names) < 100 {
		t.Fatalf("/proc/kallsyms names %d system calls", len(names))
	}
	return names
}
