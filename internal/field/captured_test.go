package field

import (
	"testing"

	"github.com/saker-sensor/saker/internal/event"
)

func TestPrintableText(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "hello 😀 诶": "hello 😀 诶", "a\n\x1fb\x7f": "a\uFFFD\uFFFDb\uFFFD", "\u0085x": "\uFFFDx", "\ufdd0\uffff": "\uFFFD\uFFFD",
		"foo\xff\xfexyz": "foo\uFFFD\uFFFDxyz", "\xe1\x80x": "\uFFFDx", "\xed\xa0\x80": "\uFFFD\uFFFD\uFFFD", "x\xf0\x9f": "x\uFFFD",
	} {
		if got := printableText(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// A recorded event shows as many parameters as it has, and as they were recorded.
func TestCapturedParams(t *testing.T) {
	d := Syscall()
	ev := &event.Event{
		Type: event.TypeExecve, FD: -1, Captured: &event.Captured{Params: 4, Returned: true, Errno: true}, Ret: -2,
		Params: []event.Param{{Num: -2}, {Text: "a"}, {Missing: true}, {Num: 7, Given: "cat"}, {Num: 8}},
		File:   event.File{}, Process: &event.Process{Exe: "b"},
	}
	for name, want := range map[string]string{
		"evt.args": "res=-2(ENOENT) exe=a args=NULL tid=7(cat)", "evt.arg.exe": "a", "evt.arg.tid": "cat", "evt.arg.pid": "<NA>",
		"evt.rawarg.tid": "7", "evt.res": "ENOENT", "proc.exe": "b",
	} {
		name, arg := splitArg(name)
		if got := show(t, d, ev, name, arg); got != want {
			t.Errorf("%s.%s: got %q, want %q", name, arg, got, want)
		}
	}
}
