package process

import (
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/event"
)

func TestArguments(t *testing.T) {
	for _, tt := range []struct {
		name, args, exe, cmdline, rest string
		list                           []string
	}{
		{"none", "", "", "comm", "", nil},
		{"empty argv[0]", "\x00", "", "comm", "", nil},
		{"argv[0] alone", "zero\x00", "zero", "comm", "", nil},
		{"one", "zero\x00one\x00", "zero", "comm one", "one", []string{"one"}},
		{"blanks inside", "zero\x00a b\x00c\x00", "zero", "comm a b c", "a b c", []string{"a b", "c"}},
		{"empty in the middle", "zero\x00a\x00\x00b\x00", "zero", "comm a  b", "a  b", []string{"a", "", "b"}},
		{"empty at the end", "zero\x00a\x00\x00", "zero", "comm a ", "a ", []string{"a", ""}},
		{"one that is empty", "zero\x00\x00", "zero", "comm", "", nil},
		{"two that are empty", "zero\x00\x00\x00", "zero", "comm  ", " ", []string{"", ""}},
		{"cut within an argument", "zero\x00one\x00tw", "zero", "comm one tw", "one tw", []string{"one", "tw"}},
		{"cut within argv[0]", "zer", "zer", "comm", "", nil},
		{"any bytes", "z\x00\n\x00\xff\x00", "z", "comm \n \xff", "\n \xff", []string{"\n", "\xff"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec := execRecord(shell, "comm")
			rec.Args = tt.args
			table := NewTable(Settings{Proc: t.TempDir()})
			apply(t, table, rec)
			p := rec.Event.Process
			got := []any{p.Exe, p.Cmdline, p.Args, p.ArgList}
			if diff := cmp.Diff([]any{tt.exe, tt.cmdline, tt.rest, tt.list}, got); diff != "" {
				t.Errorf("%q: %s", tt.args, diff)
			}
		})
	}
}

// An image lives on when the ring's memory is another record's.
func TestImageIsItsOwnMemory(t *testing.T) {
	rec := execRecord(shell, "comm")
	rec.Args = "zero\x00one\x00"
	var ring [][]byte
	for _, s := range []*string{&rec.Image.Comm, &rec.Image.ExePath, &rec.Image.Filename, &rec.Image.Cwd, &rec.Args, &rec.Env} {
		b := []byte(*s)
		ring = append(ring, b)
		*s = unsafe.String(&b[0], len(b))
	}
	table := NewTable(Settings{Proc: t.TempDir()})
	apply(t, table, rec)
	p := rec.Event.Process
	for _, b := range ring {
		clear(b)
	}
	want := event.Process{
		Key: shell.key(), ExecID: shell.exec, Vpid: shell.pid, Ppid: 1, Comm: "comm", Exe: "zero", ExePath: "/bin/comm", Filename: "comm",
		Cmdline: "comm one", Args: "one", ArgList: []string{"one"}, Env: []string{"HOME=/", "LANG=C"}, Cwd: "/",
		ExecTime: rec.Event.Boot,
	}
	if diff := cmp.Diff(&want, p); diff != "" {
		t.Errorf("after the ring went on: %s", diff)
	}
}
