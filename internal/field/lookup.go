package field

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
)

// Lookup resolves a name and, if hasArg, the argument in brackets. The error is an [*Error].
func (d *Dictionary) Lookup(name, arg string, hasArg bool) (Ref, error) {
	in, ok := d.byName[name]
	dotted := false
	if !ok {
		in, arg, dotted = d.dotted(name)
		if !dotted || hasArg {
			return Ref{}, &Error{Field: name, Unknown: true, Reason: fmt.Sprintf("unknown field %q", name)}
		}
	}
	a, err := in.argument(arg, hasArg, dotted)
	if err != nil {
		return Ref{}, &Error{
			Field: name, Unknown: in.unknown(arg, hasArg, dotted), WrongArg: true, Reason: fmt.Sprintf("field %q%v", name, err),
		}
	}
	if in.Quantifier == Some && a.Set {
		single := *in
		single.Quantifier = One
		in = &single
	}
	if in.Bind != nil {
		bound, get := *in, in.Bind(a)
		bound.Extract = func(ev *event.Event, _ Arg, v *Value) bool { return get(ev, v) }
		in = &bound
	}
	r := Ref{Info: in, Args: a, Kind: in.Type}
	if in.ArgType != nil {
		if r.Kind, err = in.ArgType(a); err != nil {
			return Ref{}, &Error{
				Field: name, Unknown: in.unknown(arg, hasArg, dotted), WrongArg: true, Reason: fmt.Sprintf("field %q: %v", name, err),
			}
		}
	}
	return r, nil
}

// argument checks an argument in brackets, or the one that dots set off.
func (in *Info) argument(arg string, hasArg, dotted bool) (Arg, error) {
	a := Arg{Index: -1}
	if !hasArg && !dotted {
		if in.Arg == ArgRequired {
			return a, errors.New(" needs an argument")
		}
		return a, nil
	}
	if arg == "" && in.Arg == ArgOptional && !in.NumArg && !dotsOnly(in.Name) {
		return a, nil
	}
	a.Set, a.Text = true, arg
	if n, err := strconv.ParseUint(arg, 10, 31); err == nil {
		a.Index = int(n)
	}
	switch {
	case in.Arg == ArgNone:
		return a, errors.New(" takes no argument")
	case strings.IndexByte(arg, ']') >= 0:
		return a, fmt.Errorf(": the argument %q holds a bracket", arg)
	case !dotted && dotsOnly(in.Name), !dotted && in.Name == fieldArg && !isNumber(arg):
		return a, fmt.Errorf(" is written %s.%s", in.Name, arg)
	}
	if n, ok := number32(arg); ok && in.Name == fieldArg {
		a.Index = max(n, -1)
	}
	if in.NumArg {
		n, ok := number32(arg)
		switch {
		case !ok:
			return a, fmt.Errorf(": the argument %q is no number", arg)
		case n == -1, n < 0 && in.Quantifier == One:
			return Arg{Index: -1}, nil
		}
		a.Index = max(n, 0)
	}
	if in.CheckArg != nil {
		if err := in.CheckArg(a); err != nil {
			return a, fmt.Errorf(": %w", err)
		}
	}
	return a, nil
}

// fieldArg is the field of an event's parameters, whose brackets hold a number.
const fieldArg = "evt.arg"

// dotsOnly tells whether a field's argument stands behind a dot, never in brackets.
func dotsOnly(name string) bool {
	switch name {
	case "evt.rawarg", "evt.type.is", "evt.abspath", "thread.cgroup":
		return true
	}
	return false
}

// unknown tells whether Falco calls a field with a wrong argument nonexistent, and not wrong.
func (in *Info) unknown(arg string, hasArg, dotted bool) bool {
	switch {
	case !hasArg && !dotted:
		return false
	case strings.IndexByte(arg, ']') >= 0:
		return true
	}
	switch in.Name {
	case fieldArg, "evt.rawarg":
		// The longest parameter's name that begins the argument is taken; what is left makes the field unknown.
		for i := range arg {
			if _, ok := paramKinds[arg[:i]]; ok && dotted {
				return true
			}
		}
		return false
	case "evt.type.is", "thread.cgroup":
		return dotted
	case "evt.around", "fd.types":
		return false
	}
	return !strings.HasPrefix(in.Name, "container.") && !strings.HasPrefix(in.Name, "k8s")
}

// number32 reads a number as scanf(3) does with %d: white space in front, a sign, decimal digits, nothing behind them.
func number32(s string) (int, bool) {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	n, err := strconv.ParseInt(s, 10, 32)
	return int(n), err == nil || errors.Is(err, strconv.ErrRange)
}

func isNumber(s string) bool {
	_, ok := number32(s)
	return ok
}

// dotted finds the entry of a name whose last parts are the argument: the longest entry that is a prefix wins.
func (d *Dictionary) dotted(name string) (*Info, string, bool) {
	for i := strings.LastIndexByte(name, '.'); i > 0; i = strings.LastIndexByte(name[:i], '.') {
		if in, ok := d.byName[name[:i]]; ok && in.DotArg {
			return in, name[i+1:], true
		}
	}
	return nil, "", false
}
