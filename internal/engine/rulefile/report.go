package rulefile

import (
	"fmt"

	"github.com/saker-sensor/saker/internal/yamltree"
)

// Trail leads from a file to a place in it. Extending one never changes another.
type Trail []frame

// frame is a location whose line and column are not computed yet: most trails never become a problem.
type frame struct {
	typ, name string
	file      *yamltree.File
	off       int
}

// With extends the trail by a node: what it is, and its name or "".
func (t Trail) With(typ, name string, n *yamltree.Node) Trail {
	return append(t[:len(t):len(t)], frame{typ: typ, name: name, file: n.File, off: n.Offset})
}

// At extends the trail by a byte of a file.
func (t Trail) At(typ string, f *yamltree.File, off int) Trail {
	return append(t[:len(t):len(t)], frame{typ: typ, file: f, off: off})
}

// Macro is the name of the macro that the trail leads into, "" if there is none.
func (t Trail) Macro() string {
	for _, f := range t {
		if f.typ == "macro" {
			return f.name
		}
	}
	return ""
}

// Location is where the trail ends.
func (t Trail) Location() Location { return t[len(t)-1].location() }

func (f *frame) location() Location {
	line, col := f.file.Position(f.off)
	return Location{Type: f.typ, Name: f.name, File: f.file.Name, Line: line, Column: col, Offset: f.off}
}

// Problem is a problem at the end of the trail.
func (t Trail) Problem(code Code, message string) Problem {
	p := Problem{Code: code, Message: message, Where: make([]Location, len(t))}
	for i := range t {
		p.Where[i] = t[i].location()
	}
	last := t[len(t)-1]
	p.Snippet = last.file.Snippet(last.off)
	return p
}

// Report gathers the problems of the file that is being loaded.
type Report struct {
	Errors, Warnings []Problem
	// seen holds what was reported for this file or an earlier one: all files are compiled anew after each.
	seen map[seenKey]bool
}

type seenKey struct {
	code    Code
	message string
	at      Location
	// item is the rule, macro or list that a warning is about: a warning in a macro is given for each rule that uses it.
	// For errors it is empty: one at each place is enough.
	item Location
}

// NewReport returns the report of the first file.
func NewReport() *Report { return &Report{seen: map[seenKey]bool{}} }

// Next returns the report of the next file. What was reported before is not reported again.
func (rep *Report) Next() *Report { return &Report{seen: rep.seen} }

// maxProblems bounds the errors and the warnings of one file.
const maxProblems = 200

// Error records an error.
func (rep *Report) Error(p Problem) {
	if len(rep.Errors) < maxProblems && rep.first(&p, Location{}) {
		rep.Errors = append(rep.Errors, p)
	}
}

// Warn records a warning. Falco stops at the first error, so there are no warnings after one.
func (rep *Report) Warn(p Problem) {
	if len(rep.Errors) == 0 && len(rep.Warnings) < maxProblems && rep.first(&p, p.Where[min(1, len(p.Where)-1)]) {
		rep.Warnings = append(rep.Warnings, p)
	}
}

func (rep *Report) first(p *Problem, item Location) bool {
	k := seenKey{p.Code, p.Message, p.At(), item}
	if rep.seen[k] {
		return false
	}
	rep.seen[k] = true
	return true
}

// refusal unwinds the stack up to [Report.Try]. It carries no problem where that has been reported before.
type refusal struct{ problem *Problem }

// Refuse ends the step that runs in [Report.Try] with an error. It does not return.
func Refuse(where Trail, code Code, format string, args ...any) {
	RefuseHint(where, code, "", format, args...)
}

// RefuseHint is Refuse with a hint at the remedy, which may be empty.
func RefuseHint(where Trail, code Code, hint, format string, args ...any) {
	p := where.Problem(code, fmt.Sprintf(format, args...))
	p.Hint = hint
	panic(refusal{&p})
}

// Try runs one step of loading and reports its refusal; ok tells whether the step came to its end.
func (rep *Report) Try(step func()) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			refused, is := r.(refusal)
			if !is {
				panic(r)
			}
			if refused.problem != nil {
				rep.Error(*refused.problem)
			}
		}
	}()
	step()
	return true
}
