package engine

// Location is a step of the way from a file to the place of a problem: the file's content, an item, a part of it.
type Location struct {
	// Type says what it is ("rule", "rule condition"), Name which one; Name may be empty.
	Type, Name string
	File       string
	// Line and Column count from 1, Column in characters; Offset counts bytes from 0.
	Line, Column, Offset int
}

// Problem is an error or a warning of a rule file.
type Problem struct {
	Code    Code
	Message string
	// Hint names the remedy, where one is known: the nearest right spelling.
	Hint string
	// DeprecatedField is set for some warnings of code LOAD_DEPRECATED_ITEM.
	DeprecatedField string
	// Where leads from the file to the place, outermost first; never empty.
	Where []Location
	// Snippet is the line of the last location and a line with a caret below it.
	Snippet string
}

// At is the innermost location.
func (p *Problem) At() Location { return p.Where[len(p.Where)-1] }

// Schema is the outcome of the check against the schema of rule files.
type Schema uint8

const (
	// SchemaUnchecked: there was nothing to check (an empty file, or broken YAML).
	SchemaUnchecked Schema = iota
	SchemaValid
	SchemaInvalid
)

// Result is what loading found in one file.
type Result struct {
	Name string
	// Errors are in the order in which they were found. Falco stops at the first; the others come on top.
	Errors, Warnings []Problem
	Schema           Schema
	SchemaWarnings   []string
}

// Successful tells whether the file can be used.
func (r *Result) Successful() bool { return len(r.Errors) == 0 }

// Results of loading, one a file, in the order of the files.
type Results struct {
	Files []Result
	// Err is what no single file is to blame for: a required plugin that is missing.
	Err error
}

// Successful tells whether all files can be used together.
func (rs *Results) Successful() bool {
	for i := range rs.Files {
		if !rs.Files[i].Successful() {
			return false
		}
	}
	return rs.Err == nil
}

// frame is a location before its line is counted.
type frame struct {
	typ, name string
	src       *source
	off       int
}

// trail is the way to a place. Extending one never changes another.
type trail []frame

func (t trail) with(typ, name string, n *node) trail {
	return append(t[:len(t):len(t)], frame{typ: typ, name: name, src: n.src, off: n.off})
}

func (t trail) at(typ string, src *source, off int) trail {
	return append(t[:len(t):len(t)], frame{typ: typ, src: src, off: off})
}

// macro is the name of the macro that the way leads into, if any.
func (t trail) macro() string {
	for _, f := range t {
		if f.typ == "macro" {
			return f.name
		}
	}
	return ""
}

func (t trail) problem(code Code, message string) Problem {
	p := Problem{Code: code, Message: message, Where: make([]Location, len(t))}
	for i, f := range t {
		line, col := f.src.position(f.off)
		p.Where[i] = Location{Type: f.typ, Name: f.name, File: f.src.name, Line: line, Column: col, Offset: f.off}
	}
	last := t[len(t)-1]
	p.Snippet = last.src.snippet(last.off)
	return p
}

// report gathers the problems of the file that is being loaded.
type report struct {
	errors, warnings []Problem
	// seen holds what was reported for this file or an earlier one: all files are compiled anew after each.
	seen map[seenKey]bool
}

type seenKey struct {
	code    Code
	message string
	at      Location
}

// maxProblems bounds the errors and the warnings of one file.
const maxProblems = 200

func (rep *report) error(p Problem) {
	if len(rep.errors) < maxProblems && rep.first(&p) {
		rep.errors = append(rep.errors, p)
	}
}

// warn records a warning. After an error Falco reads no further, so there are none.
func (rep *report) warn(p Problem) {
	if len(rep.errors) == 0 && len(rep.warnings) < maxProblems && rep.first(&p) {
		rep.warnings = append(rep.warnings, p)
	}
}

func (rep *report) first(p *Problem) bool {
	k := seenKey{p.Code, p.Message, p.At()}
	if rep.seen[k] {
		return false
	}
	rep.seen[k] = true
	return true
}
