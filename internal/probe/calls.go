package probe

import (
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// own are the calls that have C code of their own instead of a recipe.
var own = map[event.Type]bpfgen.SensorCall{
	event.TypeOpen:           bpfgen.SensorCallCALL_OPEN,
	event.TypeOpenat:         bpfgen.SensorCallCALL_OPENAT,
	event.TypeOpenat2:        bpfgen.SensorCallCALL_OPENAT2,
	event.TypeCreat:          bpfgen.SensorCallCALL_CREAT,
	event.TypeOpenByHandleAt: bpfgen.SensorCallCALL_OPEN_BY_HANDLE_AT,
	event.TypeExecve:         bpfgen.SensorCallCALL_EXECVE,
	event.TypeExecveat:       bpfgen.SensorCallCALL_EXECVEAT,
}

// syscalls are the constants by which the kernel's side knows which system calls become which event.
type syscalls struct {
	native, compat [bpfgen.SensorSizesSYSCALLS_MAX]uint16
	recipes        [bpfgen.SensorLimitsCALL_ROWS_MAX]bpfgen.SensorCallRecipe
	inner          [2 * bpfgen.SensorSizesINNER_CALLS_MAX]bpfgen.SensorInnerCall
	// any: some call is wanted at all.
	any bool

	table *call.Table
}

// newSyscalls makes the constants for the wanted types.
func newSyscalls(wanted *event.TypeSet) *syscalls {
	t := call.New()
	s := &syscalls{table: t}
	for i := range t.Rows() {
		s.recipes[i] = t.Rows()[i].Recipe()
	}
	s.recipes[call.GenericRow] = (&call.Row{}).Recipe()
	fill := func(numbers map[int]event.Type, table *[bpfgen.SensorSizesSYSCALLS_MAX]uint16) {
		for nr, typ := range numbers {
			if nr >= int(bpfgen.SensorSizesSYSCALLS_MAX) || !wanted.Has(typ) || typ == event.TypeIoUringSetup {
				continue
			}
			s.any = true
			table[nr] = callID(t, typ)
		}
	}
	fill(t.Native(), &s.native)
	fill(t.Compat(), &s.compat)
	s.fillInner(t, wanted, call.SocketCalls(), bpfgen.SensorCallCALL_SOCKETCALL, s.inner[:bpfgen.SensorSizesINNER_CALLS_MAX])
	s.fillInner(t, wanted, call.IPCCalls(), bpfgen.SensorCallCALL_IPC, s.inner[bpfgen.SensorSizesINNER_CALLS_MAX:])
	// The canary's call goes by the same hook; a rule may be about it or not.
	if s.any && s.native[canaryCall] == uint16(bpfgen.SensorCallCALL_NONE) {
		s.native[canaryCall] = uint16(bpfgen.SensorCallCALL_CANARY)
	}
	return s
}

// ask puts what is asked of the callers of each type into the recipes; what has a record of its own has it by the record's type.
func (s *syscalls) ask(parts map[event.Type]event.CallerParts) (records [bpfgen.SensorSizesCALLER_TYPES]uint8) {
	for typ, p := range parts {
		id, isOwn := own[typ]
		switch {
		case typ == event.TypeProcexit:
			records[bpfgen.SensorRecordTypeRECORD_EXIT] |= uint8(p)
		case typ == event.TypeIoUringSetup:
			records[bpfgen.SensorRecordTypeRECORD_IO_URING_SETUP] |= uint8(p)
		case isOwn && (id == bpfgen.SensorCallCALL_EXECVE || id == bpfgen.SensorCallCALL_EXECVEAT):
			records[bpfgen.SensorRecordTypeRECORD_EXEC] |= uint8(p)
			records[bpfgen.SensorRecordTypeRECORD_EXEC_FAILED] |= uint8(p)
		case isOwn:
			records[bpfgen.SensorRecordTypeRECORD_OPEN] |= uint8(p)
		default:
			s.recipes[s.table.Index(typ)].Caller |= uint8(p)
		}
	}
	return records
}

// callID is a type's number for the kernel's side.
func callID(t *call.Table, typ event.Type) uint16 {
	if id, ok := own[typ]; ok {
		return uint16(id)
	}
	return uint16(bpfgen.SensorCallCALL_ROWS) + uint16(t.Index(typ))
}

// fillInner fills the table of an outer call, if one of those that it stands for is wanted. A number that stands for none is an event of
// the outer call itself.
func (s *syscalls) fillInner(t *call.Table, wanted *event.TypeSet, outer call.Outer, id bpfgen.SensorCall, table []bpfgen.SensorInnerCall) {
	nr := t.CompatNumber(outer.Name)
	if nr < 0 {
		return // not on this architecture
	}
	row := func(name string) uint16 {
		typ, ok := event.TypeByName(name)
		if !ok || !wanted.Has(typ) {
			return uint16(bpfgen.SensorCallCALL_NONE)
		}
		s.any = true
		s.compat[nr] = uint16(id)
		return callID(t, typ)
	}
	for i := range table {
		table[i] = bpfgen.SensorInnerCall{Call: row(outer.Name), Nr: uint16(nr), Arg: call.NoWords()}
	}
	for _, inner := range outer.Inner {
		c := &table[inner.Number]
		c.Call, c.Given, c.Arg = row(inner.Name), inner.Given, inner.Words
		if own := t.CompatNumber(inner.Name); own >= 0 {
			c.Nr = uint16(own)
		}
	}
}

// canaryCall is a call that hardly anybody makes, so that looking at each costs nothing.
const canaryCall = unix.SYS_OPEN_BY_HANDLE_AT

// masks are the constants by which the kernel's side knows which rules may match what.
type masks struct {
	opens   [bpfgen.SensorSizesCALLS_MAX][4][bpfgen.SensorOpenOutcomeOPEN_OUTCOMES]uint64
	rows    [bpfgen.SensorLimitsCALL_ROWS_MAX][2]uint64
	names   [bpfgen.SensorSizesNAME_MASKS_MAX]bpfgen.SensorNameMask
	parts   uint32
	anyName [bpfgen.SensorSizesCALLS_MAX]uint64
}

// newMasks makes the constants; nil stands for any rule in all places.
func newMasks(m *event.Masks) *masks {
	if m == nil {
		m = &event.Masks{}
	}
	out := &masks{parts: m.NameParts}
	for i, n := range m.Names {
		out.names[i] = bpfgen.SensorNameMask{Hash: n.Hash, Mask: n.Mask}
	}
	for typ, id := range own {
		opens, narrowed := m.Opens[typ]
		if !narrowed {
			for access := range opens {
				for outcome := range opens[access] {
					opens[access][outcome] = event.AllRules
				}
			}
		}
		out.opens[id] = opens
		any, narrowed := m.AnyName[typ]
		if !narrowed {
			any = event.AllRules
		}
		out.anyName[id] = any
	}
	t := call.New()
	for _, typ := range event.AllTypes() {
		if !typ.Captured() {
			continue
		}
		calls, narrowed := m.Calls[typ]
		if !narrowed {
			calls = [2]uint64{event.AllRules, event.AllRules}
		}
		row := &out.rows[t.Index(typ)] // types without a row share one
		row[0] |= calls[0]
		row[1] |= calls[1]
	}
	return out
}
