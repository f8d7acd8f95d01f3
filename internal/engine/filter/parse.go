package filter

import (
	"fmt"
	"slices"
	"strings"
)

// ParseOptions bound what a text may ask for. The zero value is good.
type ParseOptions struct {
	// MaxDepth bounds the nesting of the grammar's rules, which [parser.enter] counts; reaching it is an error. A pair of
	// parentheses takes up to five levels. 0 means 100.
	MaxDepth int
	// Lists are large lists by the offset at which the text names them. Each must stand among the items of a list.
	Lists map[int]*Literals
}

const (
	defaultMaxDepth = 100
	// maxText in bytes and maxNodes keep a hostile text from eating the memory; the largest known rules stay far below.
	maxText  = 8 << 20
	maxNodes = 1 << 18
)

// Parse reads a condition. The error is a [*ParseError].
//
//	expr        = and { "or" and } .                        "and" and "or" need a blank or "(" behind them
//	and         = not { "and" not } .
//	not         = { "not" blank } ( "not" group | check ) . each "not" toggles
//	group       = "(" expr ")" .
//	check       = group | operand cond | identifier .       a lone identifier is a macro
//	operand     = field | transformer .
//	cond        = "exists"
//	            | numop ( number | ref )
//	            | strop ( text | ref )
//	            | strop modifier ( list | identifier )      blanks around the modifier
//	            | listop ( list | identifier | ref ) .
//	ref         = transformer | "val(" field ")" .
//	list        = "(" [ text { "," text } ] ")" .
//	field       = name [ "[" arg "]" ] .                    no blank before "["
//	name        = identifier "." identifier { "." identifier } .
//	arg         = quoted | barearg .
//	transformer = tname "(" targ { "," targ } ")" [ "[" arg "]" ] .
//	targ        = telem | "(" [ telem { "," telem } ] ")" .
//	telem       = transformer | field | quoted | number .
//	numop       = "<" | "<=" | ">" | ">=" .
//	strop       = "=" | "==" | "!=" | "glob" | "iglob" | "contains" | "icontains" | "bcontains" | "startswith"
//	            | "bstartswith" | "endswith" | "regex" .    the words need a blank behind them
//	listop      = "in" | "intersects" | "pmatch" .
//	modifier    = "oneof" | "anyof" | "allof" .
//	text        = quoted | bare .
//
// A bare text is a run without blanks and ( ) " ' = , and has no escapes.
func Parse(text string, opt ParseOptions) (Expr, error) {
	p := &parser{lexer: newLexer(text), maxDepth: opt.MaxDepth, lists: opt.Lists, mentioned: map[int]bool{}}
	if p.maxDepth == 0 {
		p.maxDepth = defaultMaxDepth
	}
	if len(text) > maxText {
		return nil, p.errorf("the condition is longer than %d bytes; split the rule", maxText)
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.Offset < len(text) {
		return nil, p.unexpected()
	}
	for off, l := range p.lists {
		if !p.mentioned[off] {
			at := newLexer(text)
			at.advance(off)
			return nil, at.errorf("expected a short list: '%s' has %d items and can stand between parentheses only", l.Name, len(l.Values))
		}
	}
	return e, nil
}

type parser struct {
	lexer
	depth, maxDepth int
	nodes           int
	// lists are those of [ParseOptions], mentioned tells which were found among a list's items.
	lists     map[int]*Literals
	mentioned map[int]bool
}

func (l *lexer) errorf(format string, args ...any) error {
	const width = 24
	near := l.rest()
	if len(near) > width {
		near = near[:width]
	}
	return &ParseError{Pos: l.Pos, Msg: fmt.Sprintf(format, args...), Near: near}
}

func (p *parser) unexpected() error {
	switch p.peek(0) {
	case '(':
		return p.errorf("expected 'and', 'or' or the end: no transformer has this name, and a text with '(' needs quotes")
	case '=', ',', '"', '\'':
		return p.errorf("expected 'and', 'or' or the end: a text that holds one of ( ) = , or a quote needs quotes")
	case ')':
		return p.errorf("expected 'and', 'or' or the end: this ')' closes nothing")
	}
	return p.errorf("expected 'and', 'or' or the end")
}

// enter counts a level of nesting, leave undoes it. Levels are counted where Falco's parser counts them, so that both
// refuse the same texts.
func (p *parser) enter() error {
	if p.depth++; p.depth >= p.maxDepth {
		return p.errorf("the condition is nested too deeply; move parts of it into macros")
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// node counts an element of the tree.
func (p *parser) node() error {
	if p.nodes++; p.nodes > maxNodes {
		return p.errorf("the condition has more than %d elements; split the rule", maxNodes)
	}
	return nil
}

func (p *parser) or() (Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	pos, parts, err := p.chain("or", p.and)
	if err != nil || len(parts) == 1 {
		return first(parts), err
	}
	return &Or{Pos: pos, Parts: parts}, nil
}

func (p *parser) and() (Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	pos, parts, err := p.chain("and", p.not)
	if err != nil || len(parts) == 1 {
		return first(parts), err
	}
	return &And{Pos: pos, Parts: parts}, nil
}

func first(parts []Expr) Expr {
	if len(parts) == 0 {
		return nil
	}
	return parts[0]
}

// chain reads parts with a word between them. A '(' directly behind the word begins a group that is the whole part: as in
// Falco, "a or(b) and c" is no condition.
func (p *parser) chain(word string, part func() (Expr, error)) (Pos, []Expr, error) {
	p.blank()
	pos := p.Pos
	var parts []Expr
	next := part
	for {
		e, err := next()
		if err != nil {
			return pos, nil, err
		}
		parts = append(parts, e)
		p.blank()
		if !strings.HasPrefix(p.rest(), word) {
			return pos, parts, nil
		}
		c := p.peek(len(word))
		if c != '(' && !isBlank(c) {
			return pos, nil, p.errorf("expected 'and' or 'or', with a blank or '(' behind it")
		}
		p.advance(len(word))
		if next = part; c == '(' {
			next = p.wholeGroup
		}
		p.blank()
		if err := p.node(); err != nil {
			return pos, nil, err
		}
	}
}

// wholeGroup reads the group behind "or(" or "and(", behind which no "and" may join another part if it is an or's.
func (p *parser) wholeGroup() (Expr, error) {
	or := strings.HasSuffix(p.text[:p.Offset], "or")
	e, err := p.group()
	if err != nil {
		return nil, err
	}
	if p.blank(); or && strings.HasPrefix(p.rest(), "and") {
		return nil, p.errorf("expected 'or' or the end: 'or(' takes in its parentheses only; write 'or (' to go on with 'and'")
	}
	return e, nil
}

func (p *parser) not() (Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	pos := p.Pos
	negate := false
	part := p.check
	for strings.HasPrefix(p.rest(), "not") {
		c := p.peek(3)
		if c != '(' && !isSpace(c) {
			break
		}
		p.advance(3)
		negate = !negate
		if c == '(' {
			part = p.group
			break
		}
		p.run(isSpace)
	}
	p.blank()
	e, err := part()
	if err != nil || !negate {
		return e, err
	}
	return &Not{Pos: pos, Part: e}, p.node()
}

func (p *parser) check() (Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if p.peek(0) == '(' {
		return p.group()
	}
	start := p.lexer
	name := p.identifier()
	switch {
	case name == "":
		return nil, p.errorf("expected a field, a transformer, a macro's name or '('")
	case p.peek(0) == '.' && isLetter(p.peek(1)):
		f, err := p.field(start)
		if err != nil {
			return nil, err
		}
		return p.condition(f)
	case p.peek(0) == '(' && name == valName:
		return nil, start.errorf("val() stands on the right of an operator only; write the field itself")
	case p.peek(0) == '(' && isTransformer(name):
		t, err := p.transformer(start.Pos, name)
		if err != nil {
			return nil, err
		}
		return p.condition(t)
	case p.peek(0) == '(' && !isKeyword(name):
		return nil, start.errorf("unknown transformer %q, expected one of %s", name, strings.Join(transformerNames, " "))
	case isKeyword(name):
		return nil, start.errorf("expected a field, a transformer, a macro's name or '(' instead of the word %q", name)
	}
	return &Macro{Pos: start.Pos, Name: name}, p.node()
}

func (p *parser) group() (Expr, error) {
	open := p.lexer
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if err := p.node(); err != nil {
		return nil, err
	}
	p.advance(1)
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if !p.eat(")") {
		if p.Offset < len(p.text) {
			return nil, p.errorf("expected 'and', 'or' or ')'")
		}
		return nil, open.errorf("expected a ')' for this '('")
	}
	return e, nil
}

func (p *parser) condition(left Operand) (Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.blank()
	c := &Check{Pos: left.Position(), Left: left, OpPos: p.Pos}
	rest := p.rest()
	i := slices.IndexFunc(operators, func(o operator) bool { return strings.HasPrefix(rest, string(o.op)) })
	if i < 0 {
		return nil, p.errorf("expected an operator: %s", operatorNames())
	}
	o := operators[i]
	c.Op = o.op
	p.advance(len(o.op))
	if o.word && !isBlank(p.peek(0)) {
		return nil, p.errorf("expected a blank behind %q", o.op)
	}
	blank := p.blank()
	if err := p.node(); err != nil {
		return nil, err
	}
	var err error
	switch o.right {
	case rightNone:
	case rightNumber:
		c.Right, err = p.numberOrRef()
	case rightText:
		if blank {
			c.Mod = p.modifier()
		}
		if c.Mod != "" {
			c.Right, err = p.list()
		} else {
			c.Right, err = p.textOrRef()
		}
	case rightList:
		c.Right, err = p.listOrRef()
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// modifier reads oneof, anyof or allof where it is one; else it is a text like any other.
func (p *parser) modifier() string {
	back := p.lexer
	word := p.identifier()
	if (word == "oneof" || word == "anyof" || word == "allof") && p.blank() {
		ahead := p.lexer
		if next := ahead.identifier(); ahead.peek(0) == '(' && next == "" || next != "" && !isKeyword(next) {
			return word
		}
	}
	p.lexer = back
	return ""
}

func (p *parser) numberOrRef() (Operand, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if r, err := p.ref(); r != nil || err != nil {
		return r, err
	}
	pos := p.Pos
	n := p.number()
	if n == "" {
		return nil, p.errorf("expected a number, val() or a transformer")
	}
	return &Value{Pos: pos, Text: n}, p.node()
}

func (p *parser) listOrRef() (Operand, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if r, err := p.ref(); r != nil || err != nil {
		return r, err
	}
	return p.list()
}

func (p *parser) textOrRef() (Operand, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if r, err := p.ref(); r != nil || err != nil {
		return r, err
	}
	return p.value("expected a text, val() or a transformer")
}
