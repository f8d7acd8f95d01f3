package filter

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// eventFields read an event as the real dictionary does: without allocating.
func eventFields() CompileOptions {
	str := func(name string, get func(*event.Event) string) field.Info {
		return field.Info{Name: name, Type: field.CharBuf, Extract: func(ev *event.Event, _ field.Arg, v *field.Value) bool {
			v.Str = get(ev)
			return v.Str != ""
		}}
	}
	return CompileOptions{Dictionary: field.NewDictionary(
		str("evt.type", func(ev *event.Event) string { return ev.Type.String() }),
		str("proc.name", func(ev *event.Event) string { return ev.Process.Comm }),
		str("proc.pname", func(ev *event.Event) string { return ev.Process.Parent.Comm }),
		str("proc.cmdline", func(ev *event.Event) string { return ev.Process.Cmdline }),
		str("fd.name", func(ev *event.Event) string { return ev.File.NameOf(ev.Matched) }),
		str("container.id", func(ev *event.Event) string { return ev.ContainerID }),
		str("proc.exepath", func(*event.Event) string { return "" }),
		field.Info{Name: "fd.num", Type: field.Int64, Extract: func(ev *event.Event, _ field.Arg, v *field.Value) bool {
			v.Num = ev.File.FD
			return ev.File.Present
		}},
		field.Info{Name: "user.uid", Type: field.Uint32, Extract: func(ev *event.Event, _ field.Arg, v *field.Value) bool {
			v.Num = int64(ev.Process.UID)
			return true
		}},
		field.Info{Name: "evt.is_open_write", Type: field.Bool, Extract: func(ev *event.Event, _ field.Arg, v *field.Value) bool {
			v.SetBool(ev.File.OpenFlags&3 != 0)
			return true
		}},
		field.Info{Name: "fd.sip", Type: field.IPAddr, Extract: func(_ *event.Event, _ field.Arg, v *field.Value) bool {
			v.Addr = netip.AddrFrom4([4]byte{10, 1, 2, 3})
			return true
		}},
		field.Info{Name: "fd.snet", Type: field.IPNet, Extract: func(_ *event.Event, _ field.Arg, v *field.Value) bool {
			v.Addr = netip.AddrFrom4([4]byte{10, 1, 2, 3})
			return true
		}},
		field.Info{Name: "proc.args", Type: field.CharBuf, List: true, Extract: func(ev *event.Event, _ field.Arg, v *field.Value) bool {
			v.List = v.List[:0]
			for _, a := range ev.Process.ArgList {
				v.List = append(v.List, field.Value{Str: a})
			}
			return true
		}},
		field.Info{Name: "proc.aname", Type: field.CharBuf, Quantifier: field.Some, Cost: 2,
			Extract: func(ev *event.Event, _ field.Arg, v *field.Value) bool {
				v.List = v.List[:0]
				for p := ev.Process.Parent; p != nil; p = p.Parent {
					v.List = append(v.List, field.Value{Str: p.Comm})
				}
				return len(v.List) > 0
			}},
	)}
}

func openEvent() *event.Event {
	init := &event.Process{Comm: "systemd"}
	shim := &event.Process{Comm: "containerd-shim", Parent: init}
	shell := &event.Process{Comm: "bash", Parent: shim}
	ev := &event.Event{Type: event.TypeOpenat, ContainerID: "0123456789ab", Process: &event.Process{
		Comm: "cat", Cmdline: "cat /etc/shadow", ArgList: []string{"/etc/shadow"}, Parent: shell, UID: 1000,
	}}
	ev.File = event.File{Present: true, FD: 3, Given: "/usr/lib/x86_64-linux-gnu/libc.so.6"}
	return ev
}

func compileFor(tb testing.TB, text string, opt CompileOptions) *Filter {
	tb.Helper()
	e, err := Parse(text, ParseOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	flt, err := Compile(e, opt)
	if err != nil {
		tb.Fatal(err)
	}
	return flt
}

func TestMatchDoesNotAllocate(t *testing.T) {
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf("/opt/%d/bin", i)
	}
	list := strings.Join(many, ", ")
	opt := eventFields()
	for _, text := range []string{
		"proc.name = cat",
		"proc.name in (a, b, c, d, e, f, g)",
		"proc.name != anyof (a, b) and proc.name = oneof (cat, dog)",
		"fd.name in (" + list + ")",
		"fd.name startswith anyof (" + list + ")",
		"fd.name pmatch (" + list + ", /var/*/log, /usr/lib)",
		"fd.name contains shadow or fd.name icontains SHADOW or fd.name endswith .so.6",
		"fd.name glob '/usr/*/lib*.so.[0-9]' or fd.name iglob '*LIBC*'",
		"fd.name regex '/usr/lib/.*\\\\.so(\\\\.[0-9]+)*'",
		"user.uid >= 1000 and fd.num in (0, 1, 2, 3, 4, 5) and evt.is_open_write = false",
		"fd.snet in (10.0.0.0/8, 1.1.1.0/24) and fd.sip != 10.1.2.4",
		"proc.args intersects (a, /etc/shadow) and proc.args in (/etc/shadow)",
		"proc.aname = systemd and not proc.aname in (sshd, login)",
		"proc.name = val(proc.pname) or proc.args in val(proc.args)",
		"proc.exepath exists or not proc.exepath = x",
		hotRule,
	} {
		flt := compileFor(t, text, opt)
		ev, s := openEvent(), NewScratch()
		flt.Match(ev, s)
		if n := testing.AllocsPerRun(100, func() { flt.Match(ev, s) }); n != 0 {
			t.Errorf("%s allocates %v times", shorten(text), n)
		}
	}
	// Bad UTF-8 is repaired in the scratch.
	flt := compileFor(t, "proc.name regex 'c.t'", opt)
	ev, s := openEvent(), NewScratch()
	ev.Process.Comm = "c\xfft"
	if !flt.Match(ev, s) {
		t.Error("a broken name does not match")
	}
	if n := testing.AllocsPerRun(100, func() { flt.Match(ev, s) }); n != 0 {
		t.Errorf("a broken name allocates %v times", n)
	}
}
