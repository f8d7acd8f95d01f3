// Package filter is the language of conditions: text → [Expr] → [Filter].
//
// Parsing needs no field table; compiling does. An Expr is paper, a Filter is ready to run and safe for several
// goroutines at once, each with its own [Scratch].
package filter

// Pos is a place in the condition's text.
type Pos struct {
	// Offset counts bytes from 0, Line and Col from 1.
	Offset, Line, Col int
}

// Expr is a condition: one of [*And], [*Or], [*Not], [*Macro], [*Check].
type Expr interface {
	Position() Pos
	expr()
}

// And is true if all of its parts are.
type And struct {
	Pos   Pos
	Parts []Expr
}

// Or is true if one of its parts is.
type Or struct {
	Pos   Pos
	Parts []Expr
}

// Not inverts.
type Not struct {
	Pos  Pos
	Part Expr
}

// Macro is a lone identifier: the rule loader replaces it by the macro's condition.
type Macro struct {
	Pos  Pos
	Name string
}

// Check compares a left side with a right one.
type Check struct {
	Pos  Pos
	Left Operand
	Op   Op
	// OpPos is the operator's place.
	OpPos Pos
	// Mod is "" or one of oneof, anyof, allof.
	Mod string
	// Right is nil for exists.
	Right Operand
}

func (e *And) Position() Pos   { return e.Pos }
func (e *Or) Position() Pos    { return e.Pos }
func (e *Not) Position() Pos   { return e.Pos }
func (e *Macro) Position() Pos { return e.Pos }
func (e *Check) Position() Pos { return e.Pos }

func (*And) expr()   {}
func (*Or) expr()    {}
func (*Not) expr()   {}
func (*Macro) expr() {}
func (*Check) expr() {}

// Operand is a side of a comparison: one of [*Field], [*Transformer], [*Value], [*List].
type Operand interface {
	Position() Pos
	operand()
}

// Field is a field with its argument.
type Field struct {
	Pos    Pos
	Name   string
	Arg    string
	HasArg bool
}

// String is the field as it is written.
func (o *Field) String() string {
	if o.HasArg {
		return o.Name + "[" + o.Arg + "]"
	}
	return o.Name
}

// Transformer is a function of fields; val(field) is one too, and stands on the right only.
type Transformer struct {
	Pos  Pos
	Name string
	// Args are Field, Transformer, Value or List.
	Args []Operand
	// Arg is a selector in brackets behind the closing parenthesis (getopt).
	Arg    string
	HasArg bool
}

// Value is a literal.
type Value struct {
	Pos  Pos
	Text string
	// Quoted: it stood in quotes.
	Quoted bool
}

// List is a list of literals and [*Mention] (of operands inside join).
type List struct {
	Pos   Pos
	Items []Operand
}

func (o *Field) Position() Pos       { return o.Pos }
func (o *Transformer) Position() Pos { return o.Pos }
func (o *Value) Position() Pos       { return o.Pos }
func (o *List) Position() Pos        { return o.Pos }

func (*Field) operand()       {}
func (*Transformer) operand() {}
func (*Value) operand()       {}
func (*List) operand()        {}

// Op is an operator as it is written.
type Op string

const (
	OpExists      Op = "exists"
	OpEq          Op = "="
	OpEq2         Op = "=="
	OpNe          Op = "!="
	OpLt          Op = "<"
	OpLe          Op = "<="
	OpGt          Op = ">"
	OpGe          Op = ">="
	OpContains    Op = "contains"
	OpIContains   Op = "icontains"
	OpBContains   Op = "bcontains"
	OpStartsWith  Op = "startswith"
	OpBStartsWith Op = "bstartswith"
	OpEndsWith    Op = "endswith"
	OpGlob        Op = "glob"
	OpIGlob       Op = "iglob"
	OpRegex       Op = "regex"
	OpIn          Op = "in"
	OpIntersects  Op = "intersects"
	OpPMatch      Op = "pmatch"
)

// Walk calls f for e and everything below it, parents first; f returning false skips what is below.
func Walk(e Expr, f func(Expr) bool) {
	if !f(e) {
		return
	}
	switch e := e.(type) {
	case *And:
		for _, p := range e.Parts {
			Walk(p, f)
		}
	case *Or:
		for _, p := range e.Parts {
			Walk(p, f)
		}
	case *Not:
		Walk(e.Part, f)
	}
}
