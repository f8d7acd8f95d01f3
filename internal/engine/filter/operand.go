package filter

import (
	"strings"

	"github.com/saker-sensor/saker/internal/field"
)

const (
	// A field's cost class counts this much, a transformer that much.
	fieldCost     = 10
	transformCost = 60
)

// source compiles one side of a comparison.
func (c *compiler) source(o Operand, right bool) (*source, error) {
	switch o := o.(type) {
	case *Field:
		return c.fieldSource(o, right)
	case *Transformer:
		if o.Name != valName {
			return c.transformSource(o, right)
		}
		if !right || len(o.Args) != 1 {
			return nil, errorAt(o.Pos, "val() stands on the right of an operator and takes one field")
		}
		f, ok := o.Args[0].(*Field)
		if !ok {
			return nil, errorAt(o.Pos, "val() takes a field")
		}
		return c.fieldSource(f, true)
	}
	return nil, errorAt(o.Position(), "expected a field or a transformer")
}

func (c *compiler) fieldSource(f *Field, right bool) (*source, error) {
	ref, err := c.lookup(f)
	if err != nil {
		return nil, err
	}
	noRef := ref.Flags&field.NoRHS != 0 || ref.Quantifier != field.One
	if right && (noRef || ref.Kind.Group() == field.Network) {
		return nil, errorAt(f.Pos, "field %q can't stand on the right of an operator", f.Name)
	}
	src := newSource(ref)
	src.pos, src.noRef = f.Pos, noRef
	if ref.Begins != "" {
		if whole, err := c.opt.Dictionary.Lookup(ref.Begins, "", false); err == nil {
			src.whole = newSource(&whole)
		}
	}
	return src, nil
}

func newSource(ref *field.Ref) *source {
	return &source{
		ref: ref, kind: ref.Kind, list: ref.List, cost: 1 + fieldCost*int(ref.Cost), text: ref.String(), format: ref.Format,
	}
}

// transformSource compiles a transformer with its arguments. What depends on no field is computed at once.
func (c *compiler) transformSource(o *Transformer, right bool) (*source, error) {
	if o.HasArg && o.Name != "getopt" {
		return nil, errorAt(o.Pos, "transformer %q takes no argument in brackets", o.Name)
	}
	src := &source{tr: &transform{}, cost: transformCost, pos: o.Pos, text: operandText(o)}
	var err error
	switch o.Name {
	case "tolower":
		err = c.eachTransform(src, o, right, eachLower, field.CharBuf, field.FSPath, field.FSRelPath)
	case "toupper":
		err = c.eachTransform(src, o, right, eachUpper, field.CharBuf, field.FSPath, field.FSRelPath)
	case "basename":
		err = c.eachTransform(src, o, right, eachBase, field.CharBuf, field.FSPath, field.FSRelPath)
	case "b64":
		err = c.eachTransform(src, o, right, field.Base64, field.CharBuf, field.ByteBuf)
	case "len":
		err = c.lenTransform(src, o, right)
	case "join":
		err = c.joinTransform(src, o, right)
	case "concat":
		err = c.concatTransform(src, o, right)
	case "getopt":
		err = c.getoptTransform(src, o, right)
	default:
		err = errorAt(o.Pos, "unknown transformer %q", o.Name)
	}
	if err != nil {
		return nil, err
	}
	return src.settle(), nil
}

// settle sums up the arguments of a transformer and computes it if they are all constant.
func (o *source) settle() *source {
	fixed := true
	for _, a := range o.tr.args {
		fixed = fixed && a.constant()
		o.cost += a.cost
		o.noRef = o.noRef || a.noRef
	}
	if fixed {
		return constantSource(o)
	}
	return o
}

// argument compiles an argument of a transformer.
func (c *compiler) argument(o Operand, right bool) (*source, error) {
	switch o := o.(type) {
	case *Value:
		return &source{value: &field.Value{Str: o.Text}, kind: field.CharBuf, pos: o.Pos, text: operandText(o)}, nil
	case *List:
		src := &source{tr: &transform{apply: applyList}, kind: field.CharBuf, list: true, pos: o.Pos, text: operandText(o)}
		for _, it := range o.Items {
			a, err := c.argument(it, right)
			if err != nil {
				return nil, err
			}
			if a.list {
				return nil, errorAt(a.pos, "%s is a list and can't stand inside another", a.text)
			}
			src.tr.args = append(src.tr.args, a)
		}
		return src.settle(), nil
	case *Transformer:
		if o.Name == valName {
			return nil, errorAt(o.Pos, "val() can't stand inside a transformer")
		}
		return c.transformSource(o, right)
	}
	src, err := c.source(o, right)
	if err != nil {
		return nil, err
	}
	if src.ref.Flags&field.NoTransformer != 0 || !src.single() {
		return nil, errorAt(src.pos, "field %q can't stand inside a transformer", src.ref.Name)
	}
	return src, nil
}

// arguments compiles all arguments and checks their number.
func (c *compiler) arguments(src *source, o *Transformer, right bool, atLeast, atMost int) error {
	if n := len(o.Args); n < atLeast || n > atMost {
		want := "one argument"
		switch {
		case atMost == 2:
			want = "two arguments"
		case atMost > 2:
			want = "two arguments or more"
		}
		return errorAt(o.Pos, "%s() takes %s, not %d", o.Name, want, n)
	}
	for _, arg := range o.Args {
		a, err := c.argument(arg, right)
		if err != nil {
			return err
		}
		src.tr.args = append(src.tr.args, a)
	}
	return nil
}

// fieldArgument is for transformers of one field or transformer.
func (c *compiler) fieldArgument(src *source, o *Transformer, right bool) (*source, error) {
	if err := c.arguments(src, o, right, 1, 1); err != nil {
		return nil, err
	}
	switch o.Args[0].(type) {
	case *Value, *List:
		return nil, errorAt(o.Args[0].Position(), "%s() takes a field or a transformer, not a literal", o.Name)
	}
	return src.tr.args[0], nil
}

func (c *compiler) eachTransform(src *source, o *Transformer, right bool, each func(string) (string, bool), kinds ...field.Type) error {
	a, err := c.fieldArgument(src, o, right)
	if err != nil {
		return err
	}
	for _, k := range kinds {
		if a.kind == k {
			src.kind, src.list = a.kind, a.list
			src.tr.apply, src.tr.each = applyEach, each
			return nil
		}
	}
	return errorAt(a.pos, "%s() does not take %s, which is of type %s", o.Name, a.text, typeName(a))
}

func (c *compiler) lenTransform(src *source, o *Transformer, right bool) error {
	a, err := c.fieldArgument(src, o, right)
	if err != nil {
		return err
	}
	if g := a.kind.Group(); !a.list && g != field.Text && g != field.Bytes {
		return errorAt(a.pos, "len() takes a text, bytes or a list, not %s, which is of type %s", a.text, a.kind)
	}
	src.kind = field.Uint64
	src.tr.apply = applyLen
	return nil
}

func (c *compiler) joinTransform(src *source, o *Transformer, right bool) error {
	if err := c.arguments(src, o, right, 2, 2); err != nil {
		return err
	}
	sep, list := src.tr.args[0], src.tr.args[1]
	if sep.list || sep.kind.Group() != field.Text {
		return errorAt(sep.pos, "the first argument of join() is a text, not %s", typeName(sep))
	}
	if !list.list {
		return errorAt(list.pos, "the second argument of join() is a list, not %s", typeName(list))
	}
	src.kind = field.CharBuf
	src.tr.apply = applyJoin
	return nil
}

func (c *compiler) concatTransform(src *source, o *Transformer, right bool) error {
	if err := c.arguments(src, o, right, 2, maxNodes); err != nil {
		return err
	}
	for _, a := range src.tr.args {
		if a.list || a.kind.Group() != field.Text {
			return errorAt(a.pos, "concat() takes texts, not %s, which is of type %s", a.text, typeName(a))
		}
	}
	src.kind = field.CharBuf
	src.tr.apply = applyConcat
	return nil
}

func (c *compiler) getoptTransform(src *source, o *Transformer, right bool) error {
	if err := c.arguments(src, o, right, 2, 2); err != nil {
		return err
	}
	args, options := src.tr.args[0], src.tr.args[1]
	if !args.list || args.kind != field.CharBuf {
		return errorAt(args.pos, "the first argument of getopt() is a list of texts, not %s", typeName(args))
	}
	if options.list || options.kind.Group() != field.Text {
		return errorAt(options.pos, "the second argument of getopt() is a text, not %s", typeName(options))
	}
	if o.HasArg && len(o.Arg) != 1 {
		return errorAt(o.Pos, "the argument of getopt() in brackets is one letter, not %q", o.Arg)
	}
	src.kind, src.list = field.CharBuf, !o.HasArg
	src.tr.apply, src.tr.option = applyGetopt, o.Arg
	return nil
}

func operandText(o Operand) string {
	var b strings.Builder
	printOperand(&b, o)
	return b.String()
}
