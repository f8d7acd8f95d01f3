package field

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/suggest"
)

// na is the text for a value that is not there.
const na = "<NA>"

// evtArgs are the fields made of an event's parameters; see params for what the parameters are.
func evtArgs(rows []call.Row) []Info {
	ps := newParams(rows)
	args := Info{Name: "evt.args", Cost: 2, Doc: "All parameters of the call: name=value(meaning), joined by blanks."}
	args.Extract = func(ev *event.Event, _ Arg, v *Value) bool {
		v.Str = string(appendArgs(nil, ps.list(ev), ev))
		return true
	}
	args.Caller = ps.askedForAll
	info := args
	info.Name, info.Doc = "evt.info", "The same as evt.args."
	return []Info{
		args, info,
		{
			Name: "evt.arg", Arg: ArgRequired, DotArg: true, Cost: 2, CheckArg: checkParam, Caller: ps.askedForArg,
			Doc: "One parameter of the call, by name or number, as text: flags by their names, an error by its name, a path made absolute.",
			Bind: func(a Arg) func(*event.Event, *Value) bool {
				byType := ps.named(a)
				return func(ev *event.Event, v *Value) bool {
					p := byType.of(ev)
					return p != nil && p.resolved(ev, v)
				}
			},
		},
		{
			Name: "evt.rawarg", Arg: ArgRequired, DotArg: true, Cost: 1, Flags: NoRHS | NoTransformer, ArgType: rawType, Caller: ps.askedForArg,
			Doc: "One parameter of the call by name, as the kernel gave it; its type is the parameter's.",
			Bind: func(a Arg) func(*event.Event, *Value) bool {
				byType := ps.named(a)
				return func(ev *event.Event, v *Value) bool {
					p := byType.of(ev)
					return a.Index < 0 && p != nil && p.raw(ev, v)
				}
			},
		},
		{
			Name: "evt.abspath", Arg: ArgOptional, DotArg: true, Cost: 1, CheckArg: checkAbsPath, Extract: absPath,
			Doc: "Absolute path of a call that starts from a directory descriptor; .src and .dst choose one of two.",
		},
	}
}

func checkParam(a Arg) error {
	if _, ok := paramKinds[a.Text]; !ok && !isNumber(a.Text) {
		return unknownParam(a.Text)
	}
	return nil
}

// unknownParam names the parameter that was perhaps meant.
func unknownParam(name string) error {
	known := slices.Sorted(maps.Keys(paramKinds))
	if near := suggest.Nearest(name, known); near != "" {
		return fmt.Errorf("unknown event parameter %q; did you mean %q?", name, near)
	}
	return fmt.Errorf("unknown event parameter %q", name)
}

func rawType(a Arg) (Type, error) {
	k, ok := paramKinds[a.Text]
	if !ok {
		return 0, unknownParam(a.Text)
	}
	return k.typ, nil
}

func checkAbsPath(a Arg) error {
	if a.Text != "src" && a.Text != "dst" {
		return errors.New("evt.abspath knows .src and .dst only")
	}
	return nil
}

// absPath leaves out open and creat, as Falco does: they start from no descriptor.
func absPath(ev *event.Event, _ Arg, v *Value) bool {
	switch ev.Type {
	case event.TypeOpenat, event.TypeOpenat2:
	case event.TypeOpenByHandleAt:
		if ev.Failed() {
			return false
		}
	default:
		return false
	}
	return fileName(ev, v)
}

func appendArgs(dst []byte, ps []param, ev *event.Event) []byte {
	var v Value
	for i := range ps {
		p := &ps[i]
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(append(dst, p.name...), '=')
		if !p.raw(ev, &v) {
			dst = append(dst, cmp.Or(v.Str, na)...)
			continue
		}
		dst = p.appendRaw(dst, &v)
		if p.meaning != nil {
			if m := p.meaning(ev, &v); m != "" {
				dst = append(append(append(dst, '('), m...), ')')
			}
		}
	}
	return dst
}

// dots makes binary data printable, byte by byte.
func dots(s string) string {
	for i := range len(s) {
		if !printable(s[i]) {
			b := []byte(s)
			for ; i < len(b); i++ {
				if !printable(b[i]) {
					b[i] = '.'
				}
			}
			return string(b)
		}
	}
	return s
}

func printable(c byte) bool { return c >= ' ' && c <= '~' }
