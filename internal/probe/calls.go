package probe

import (
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// call is one system call of the hook, with its numbers. -1: this architecture has none.
type call struct {
	typ            event.Type
	id             bpfgen.SensorCall
	native, compat int
}

// callTables say to the kernel side which system call numbers become which event.
func callTables(wanted *event.TypeSet) (native, compat [bpfgen.SensorSizesSYSCALLS_MAX]uint8, any bool) {
	for _, c := range calls {
		if !wanted.Has(c.typ) {
			continue
		}
		any = true
		if c.native >= 0 {
			native[c.native] = uint8(c.id)
		}
		if c.compat >= 0 {
			compat[c.compat] = uint8(c.id)
		}
	}
	// The canary's call goes by the same hook; a rule may be about it or not.
	if any && native[canaryCall] == uint8(bpfgen.SensorCallCALL_NONE) {
		native[canaryCall] = uint8(bpfgen.SensorCallCALL_CANARY)
	}
	return native, compat, any
}

// canaryCall is a call that hardly anybody makes, so that looking at each costs nothing.
const canaryCall = unix.SYS_OPEN_BY_HANDLE_AT

// openClasses are the wanted classes by call.
func openClasses(opens map[event.Type]event.OpenClasses) (out [bpfgen.SensorSizesCALLS_MAX]uint32) {
	for _, c := range calls {
		classes, narrowed := opens[c.typ]
		if !narrowed {
			classes = event.AllOpenClasses
		}
		out[c.id] = uint32(classes)
	}
	return out
}
