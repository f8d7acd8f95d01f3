package call

import (
	"runtime"
	"testing"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// The types that are captured are those that some table of system calls has a number for, the ends of processes, and signals that
// are delivered.
func TestCaptured(t *testing.T) {
	has := map[event.Type]bool{event.TypeProcexit: true, event.TypeSignalDeliver: true}
	for _, n := range numbers {
		if typ, ok := typeOf(typesByName(), n.name); ok {
			has[typ] = true
		}
	}
	for _, typ := range event.AllTypes() {
		if typ.Captured() != has[typ] {
			t.Errorf("%v: captured is %v, some table has it is %v", typ, typ.Captured(), has[typ])
		}
	}
}

// What the kernel's side can hold of a row.
func TestRows(t *testing.T) {
	seen := map[string]bool{}
	rows := New().Rows()
	if len(rows) >= GenericRow {
		t.Fatalf("%d rows, more than %d", len(rows), GenericRow)
	}
	for i := range rows {
		r := &rows[i]
		if seen[r.Name] {
			t.Errorf("two rows for %s", r.Name)
		}
		seen[r.Name] = true
		sent, paths := 0, 0
		for j := range r.Params {
			if r.Params[j].Sent() {
				sent++
			}
			if r.Params[j].From == bpfgen.SensorParamSourceSOURCE_PATH {
				paths++
			}
		}
		if sent > int(bpfgen.SensorLimitsCALL_PARAMS_MAX) || paths > 2 {
			t.Errorf("%s: %d parameters are sent, %d of them paths", r.Name, sent, paths)
		}
	}
}

// Numbers that are known by heart.
func TestNumbers(t *testing.T) {
	table, unknown := New(), event.TypeUnknown.String()
	for _, c := range []struct {
		nr           int
		compat       bool
		amd64, arm64 string
	}{
		{520, false, "execve", unknown}, {545, false, "execveat", unknown}, {42, false, "connect", "nfsservctl"}, {17, false, "pread", "getcwd"},
		{221, false, "fadvise64", "execve"}, {437, false, "openat2", "openat2"}, {11, true, "execve", "execve"},
		{203, true, "setreuid", "setreuid"}, {283, true, "kexec_load", "connect"},
	} {
		want := map[string]string{"amd64": c.amd64, "arm64": c.arm64}[runtime.GOARCH]
		if got := table.Type(c.nr, c.compat).String(); got != want {
			t.Errorf("number %d (32-bit: %v) is %q, want %q", c.nr, c.compat, got, want)
		}
		if got := AMD64()[c.nr].String(); !c.compat && c.nr < 512 && got != c.amd64 {
			t.Errorf("number %d of amd64 is %q, want %q", c.nr, got, c.amd64)
		}
	}
}

// TestNamesParse: what a number's text says is read back as the number, in every row.
func TestNamesParse(t *testing.T) {
	for _, r := range Rows() {
		for _, p := range r.Params {
			if p.Names == nil {
				continue
			}
			all := uint64(0)
			for _, v := range p.Names.list {
				all |= v.falco
				if got, ok := p.Names.Parse(p.Names.Text(v.falco)); !ok || got != v.falco {
					t.Errorf("%s.%s: %s is read as %#x, %v; want %#x", r.Name, p.Name, p.Names.Text(v.falco), got, ok, v.falco)
				}
			}
			if got, ok := p.Names.Parse(p.Names.Text(all)); !p.Names.choice && (!ok || got != all) {
				t.Errorf("%s.%s: all flags are read as %#x, %v; want %#x", r.Name, p.Name, got, ok, all)
			}
			if _, ok := p.Names.Parse("NO_SUCH_NAME"); ok {
				t.Errorf("%s.%s: an unknown name is read", r.Name, p.Name)
			}
		}
	}
}
