package filter

import "fmt"

// ParseError tells where a text leaves the language and what was expected there.
type ParseError struct {
	Pos Pos
	Msg string
	// Near is the text at Pos, shortened; empty at the end.
	Near string
}

func (e *ParseError) Error() string {
	if e.Near == "" {
		return fmt.Sprintf("line %d, column %d: %s, at the end of the condition", e.Pos.Line, e.Pos.Col, e.Msg)
	}
	return fmt.Sprintf("line %d, column %d: %s, near %q", e.Pos.Line, e.Pos.Col, e.Msg, e.Near)
}

// CompileError tells which part of a well-formed condition can't be evaluated, and why.
type CompileError struct {
	Pos Pos
	Msg string
	// UnknownField and UnknownEventType: the name is not known to this engine. A rule may ask to be skipped then.
	UnknownField, UnknownEventType bool
	// Item counts from 1 the value of the large list at Pos that is to blame; 0 if it is none of a list's.
	Item int
}

func (e *CompileError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Pos.Line, e.Pos.Col, e.Msg)
}

// Warning is a doubt about a condition that compiles.
type Warning struct {
	Pos  Pos
	Msg  string
	Kind WarningKind
}

// WarningKind tells warnings apart.
type WarningKind uint8

const (
	// WarnFieldAsText: a literal has the name of a field; val() was probably meant.
	WarnFieldAsText WarningKind = iota
	// WarnTransformerAsText: a literal looks like the use of a transformer.
	WarnTransformerAsText
	// WarnRegex: a cheaper operator would do.
	WarnRegex
	// WarnRange: a number that the field's type can't hold.
	WarnRange
)
