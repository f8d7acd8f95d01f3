package call

import (
	"testing"

	"github.com/saker-sensor/saker/internal/event"
)

// What socketcall and ipc stand for are known calls: each has a row, or at least a number by which user space knows it.
func TestInner(t *testing.T) {
	table := New()
	for _, outer := range []Outer{SocketCalls(), IPCCalls()} {
		if _, ok := event.TypeByName(outer.Name); !ok {
			t.Errorf("%s is no type", outer.Name)
		}
		for _, inner := range outer.Inner {
			typ, ok := event.TypeByName(inner.Name)
			if !ok {
				t.Errorf("%s is no type", inner.Name)
			}
			if table.Row(typ) == nil && table.CompatNumber(inner.Name) < 0 {
				t.Errorf("%s has neither a row nor a number in the 32-bit table", inner.Name)
			}
		}
	}
	if nr := table.CompatNumber("connect"); nr >= 0 && nr != 362 && nr != 283 {
		t.Errorf("connect is %d in the 32-bit table, want 362 (i386) or 283 (arm)", nr)
	}
}
