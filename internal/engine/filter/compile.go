package filter

import (
	"errors"
	"fmt"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// fieldEventType is the field whose literals name event types; fieldEventNumber counts events from 1.
const (
	fieldEventType   = "evt.type"
	fieldEventNumber = "evt.num"
)

// Dictionary resolves a field's name and argument.
type Dictionary interface {
	// Lookup returns an error, best a [*field.Error], for an unknown field or an argument that does not fit.
	Lookup(name, arg string, hasArg bool) (field.Ref, error)
}

// CompileOptions say against what a condition is compiled.
type CompileOptions struct {
	Dictionary Dictionary
	// TypeByName knows the names that evt.type may be compared with; nil allows all.
	TypeByName func(string) (event.Type, bool)
}

// Compile checks a condition's fields, types and literals and makes it ready to match. The error is a [*CompileError].
func Compile(e Expr, opt CompileOptions) (*Filter, error) {
	c := &compiler{opt: opt, seen: map[string]bool{}}
	root, err := c.expr(e)
	if err != nil {
		return nil, err
	}
	c.filter.root = root
	return &c.filter, nil
}

type compiler struct {
	opt    CompileOptions
	filter Filter
	// seen are the fields already in filter.fields.
	seen map[string]bool
}

func (c *compiler) warn(kind WarningKind, pos Pos, msg string) {
	c.filter.Warnings = append(c.filter.Warnings, Warning{Pos: pos, Msg: msg, Kind: kind})
}

func (c *compiler) expr(e Expr) (node, error) {
	switch e := e.(type) {
	case *And:
		parts, err := c.exprs(e.Parts)
		return newAnd(parts), err
	case *Or:
		parts, err := c.exprs(e.Parts)
		return newOr(parts), err
	case *Not:
		part, err := c.expr(e.Part)
		return newNot(part), err
	case *Check:
		return c.check(e)
	case *Macro:
		return nil, errorAt(e.Pos, "undefined macro %q", e.Name)
	}
	return nil, errorAt(Pos{Line: 1, Col: 1}, "the condition is empty")
}

func (c *compiler) exprs(es []Expr) ([]node, error) {
	nodes := make([]node, len(es))
	for i, e := range es {
		var err error
		if nodes[i], err = c.expr(e); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

func (c *compiler) check(e *Check) (node, error) {
	left, err := c.source(e.Left, false)
	if err != nil {
		return nil, err
	}
	if !fits(e.Op, left.kind, left.list) {
		kind := left.kind.String()
		if left.list {
			kind = "list of " + kind
		}
		return nil, errorAt(e.OpPos, "operator %q does not fit %s, which is of type %s", e.Op, left.text, kind)
	}
	if left.ref != nil && left.ref.Name == field.Around {
		if e.Op != OpEq {
			return nil, errorAt(e.OpPos, "operator %q does not fit %s; = holds up to a distance in ms", e.Op, left.text)
		}
		within := *e
		within.Op = OpLe
		e = &within
	}
	if e.Op == OpExists {
		if left.constant() {
			return constNode(true), nil
		}
		return existsNode{left}, nil
	}
	values, mentions, literal := splitLiterals(e.Right)
	if !literal {
		return c.pair(e, left)
	}
	if !shareable(e, left) {
		values, _ = literals(e.Right)
		mentions = nil
	}
	n, err := c.test(e, left, values, mentions)
	if err != nil {
		return nil, err
	}
	if left.constant() {
		return constNode(n.eval(&event.Event{}, NewScratch())), nil
	}
	return n, nil
}

// shareable tells whether a comparison with a large list can use the list's own set.
func shareable(e *Check, left *source) bool {
	member := e.Op == OpIn || e.Op == OpIntersects
	either := left.kind == field.IPNet && !left.single()
	return e.Mod == "" && (member && !either || e.Op == OpPMatch) && !comparesEventTypes(e, left)
}

// test compares a source with literals and with large lists.
func (c *compiler) test(e *Check, left *source, values []*Value, mentions []*Mention) (node, error) {
	if err := c.checkLiterals(e, left, values); err != nil {
		return nil, err
	}
	for _, m := range mentions {
		for _, v := range c.suspicious(m.Literals) {
			c.warnSuspect(&Value{Pos: m.Pos, Text: v.Text})
		}
	}
	if (e.Op == OpIn || e.Op == OpIntersects) && left.kind == field.IPNet && !left.single() && len(values) > 1 {
		// As in Falco, only the first network counts for fd.net.
		values = values[:1]
	}
	var p pred
	var err error
	switch {
	case e.Mod != "":
		preds := make([]pred, len(values))
		for i, v := range values {
			if preds[i], err = c.elementPred(left, e.Op, v); err != nil {
				return nil, err
			}
		}
		p = modified(e.Mod, preds)
	case e.Op == OpIn || e.Op == OpIntersects:
		p, err = c.memberPred(left, values)
	case e.Op == OpPMatch:
		p, err = c.pathPred(left, values)
	case len(values) != 1:
		err = errorAt(e.Right.Position(), "operator %q compares with one value, not with a list", e.Op)
	default:
		p, err = c.elementPred(left, e.Op, values[0])
	}
	if err != nil {
		return nil, err
	}
	if len(mentions) > 0 {
		if p, err = c.mentionPreds(e, left, p, len(values), mentions); err != nil {
			return nil, err
		}
	}
	if !left.list {
		if len(values)+len(mentions) == 0 {
			return constNode(false), nil
		}
		if _, ok := p.(truePred); ok {
			return existsNode{left}, nil
		}
	}
	return &testNode{src: left, mode: left.mode(e.Op), pred: p}, nil
}

// mentionPreds joins the test of a list's own values, of which there are n, with those of the large lists in it.
func (c *compiler) mentionPreds(e *Check, left *source, own pred, n int, mentions []*Mention) (pred, error) {
	var preds []pred
	if n > 0 {
		preds = append(preds, own)
	}
	for _, m := range mentions {
		p, err := c.mentionPred(left, e.Op, m)
		if err != nil {
			return nil, err
		}
		preds = append(preds, p)
	}
	return newAny(preds), nil
}

// comparesEventTypes tells whether the literals of a comparison have to be names of event types.
func comparesEventTypes(e *Check, left *source) bool {
	switch e.Op {
	case OpEq, OpEq2, OpNe, OpIn, OpIntersects:
		return left.ref != nil && left.ref.Name == fieldEventType
	}
	return false
}

// checkLiterals looks for literals that are probably meant otherwise, and for unknown event types.
func (c *compiler) checkLiterals(e *Check, left *source, values []*Value) error {
	types := c.opt.TypeByName != nil && comparesEventTypes(e, left)
	for _, v := range values {
		if types {
			if _, ok := c.opt.TypeByName(v.Text); !ok {
				return &CompileError{Pos: v.Pos, Msg: fmt.Sprintf("unknown event type %q", v.Text), UnknownEventType: true}
			}
		}
		if e.Op == OpRegex && plainRegex(v.Text) {
			c.warn(WarnRegex, v.Pos, fmt.Sprintf("regex '%s' may be replaced by a cheaper operator: =, contains, startswith or endswith", v.Text))
		}
		c.warnSuspect(v)
	}
	return nil
}

// warnSuspect warns of a literal that looks like a field or a transformer.
func (c *compiler) warnSuspect(v *Value) {
	if c.looksLikeField(v.Text) {
		c.warn(WarnFieldAsText, v.Pos, fmt.Sprintf("'%s' may be a valid field misused as a const string value", v.Text))
	} else if looksLikeTransformer(v.Text) {
		c.warn(WarnTransformerAsText, v.Pos, fmt.Sprintf("'%s' may be a valid field transformer misused as a const string value", v.Text))
	}
}

// looksLikeField tells whether a text, blanks aside, is a field with a fitting argument.
func (c *compiler) looksLikeField(text string) bool {
	if strings.IndexByte(text, '.') < 0 {
		return false
	}
	p := &parser{lexer: newLexer(withoutSpace(text)), maxDepth: defaultMaxDepth}
	start := p.lexer
	if p.identifier() == "" {
		return false
	}
	f, err := p.field(start)
	if err != nil || p.Offset < len(p.text) {
		return false
	}
	_, err = c.opt.Dictionary.Lookup(f.Name, f.Arg, f.HasArg)
	return err == nil
}

func looksLikeTransformer(text string) bool {
	text = withoutSpace(text)
	name, _, ok := strings.Cut(text, "(")
	return ok && strings.HasSuffix(text, ")") && (name == valName || isTransformer(name))
}

func withoutSpace(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && isSpace(byte(r)) {
			return -1
		}
		return r
	}, s)
}

// plainRegex tells whether a regular expression has no special characters but anchors, or an any-character repeat, at
// its ends.
func plainRegex(re string) bool {
	if rest, ok := strings.CutPrefix(re, "^"); ok {
		re = rest
	} else if len(re) >= 2 && re[0] == '.' && isRepeat(re[1]) {
		re = re[2:]
	}
	if rest, ok := strings.CutSuffix(re, "$"); ok {
		re = rest
	} else if n := len(re); n >= 2 && re[n-2] == '.' && isRepeat(re[n-1]) {
		re = re[:n-2]
	}
	return !strings.ContainsAny(re, `.+*?^$()[]{}|\`)
}

func isRepeat(c byte) bool { return c == '*' || c == '+' || c == '?' }

// pair compares a source with another one.
func (c *compiler) pair(e *Check, left *source) (node, error) {
	t, ok := e.Right.(*Transformer)
	if !ok {
		return nil, errorAt(e.OpPos, "operator %q needs a value on its right; write val() around a field", e.Op)
	}
	right, err := c.source(t, true)
	if err != nil {
		return nil, err
	}
	switch {
	case e.Mod != "":
		return nil, errorAt(t.Pos, "%s wants a list of literals", e.Mod)
	case e.Op == OpRegex || e.Op == OpPMatch:
		return nil, errorAt(t.Pos, "operator %q compares with literals only", e.Op)
	case left.noRef || left.kind.Group() == field.Network:
		return nil, errorAt(left.pos, "%s can't be compared with another field", left.text)
	case left.kind != right.kind || left.list != right.list:
		return nil, errorAt(t.Pos, "%s and %s are of different types, %s and %s", left.text, right.text, typeName(left), typeName(right))
	}
	n := &pairNode{left: left, right: right, op: e.Op, holds: pairHolds(left.kind.Group())}
	if left.constant() && right.constant() {
		return constNode(n.eval(&event.Event{}, NewScratch())), nil
	}
	return n, nil
}

func typeName(o *source) string {
	if o.list {
		return "list of " + o.kind.String()
	}
	return o.kind.String()
}

// fits tells whether an operator is defined for a type, as in Falco's flt_is_comparable.
func fits(op Op, t field.Type, list bool) bool {
	if op == OpExists {
		return true
	}
	if list && !listable(t) || t == field.UID || t == field.GID {
		return false
	}
	if op == OpIn || op == OpIntersects {
		return true
	}
	if list {
		return false
	}
	g := t.Group()
	switch op {
	case OpEq, OpEq2, OpNe:
		return true
	case OpLt, OpLe, OpGt, OpGe:
		return g == field.Text || g == field.Signed || g == field.Unsigned || g == field.Float
	case OpContains, OpStartsWith, OpEndsWith:
		return g == field.Text || g == field.Bytes
	case OpBContains, OpBStartsWith:
		return g == field.Bytes
	case OpIContains, OpGlob, OpIGlob, OpRegex, OpPMatch:
		return g == field.Text
	}
	return false
}

// listable tells whether lists of a type can be compared.
func listable(t field.Type) bool {
	switch t {
	case field.CharBuf, field.Uint64, field.RelTime, field.AbsTime, field.Bool, field.IPAddr, field.IPNet:
		return true
	}
	return false
}

// lookup resolves a field and notes it among those that the condition reads.
func (c *compiler) lookup(f *Field) (*field.Ref, error) {
	ref, err := c.opt.Dictionary.Lookup(f.Name, f.Arg, f.HasArg)
	if err != nil {
		var fe *field.Error
		return nil, &CompileError{Pos: f.Pos, Msg: err.Error(), UnknownField: errors.As(err, &fe) && fe.Unknown}
	}
	if ref.Flags&field.PrintOnly != 0 {
		return nil, errorAt(f.Pos, "field %q can only be printed", f.Name)
	}
	if key := ref.String(); !c.seen[key] {
		c.seen[key] = true
		c.filter.fields = append(c.filter.fields, ref)
	}
	return &ref, nil
}
