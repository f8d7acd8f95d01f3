package probe

import (
	"slices"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/bpfgen"
)

// TestWithout: without what rules ask of the caller, no program has a function for that, and each has all others.
func TestWithout(t *testing.T) {
	spec, err := bpfgen.LoadSensor()
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range spec.Programs {
		before, _ := functions(p.Instructions)
		after, _ := functions(without(p.Instructions, callerFunction))
		for _, fn := range after {
			if fn == callerFunction || strings.HasPrefix(fn, "caller__") {
				t.Errorf("%s keeps %s", name, fn)
			}
		}
		if after[0] != before[0] {
			t.Errorf("%s begins with %s, and began with %s", name, after[0], before[0])
		}
		if name == bpfgen.SensorProgSysExit && (!slices.Contains(before, callerFunction) || !slices.Contains(after, "call__record")) {
			t.Errorf("%s has %v, and then %v", name, before, after)
		}
	}
}
