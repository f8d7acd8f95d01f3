package render

import (
	"encoding/base64"
	"strings"

	"github.com/saker-sensor/saker/internal/field"
)

// b64 is how buffer_format_base64 shows bytes.
var b64 = base64.StdEncoding

// node is a value of a template: a field, a literal, or a function of others.
type node struct {
	// field is the number of the field among the template's, -1 for what is none.
	field int
	// literal is a text in the template itself.
	literal string
	name    string
	fn      *function
	args    []*node
	// selector is getopt's, empty if there is none.
	selector string
	kind     field.Type
	list     bool
}

// function of a template; see also the conditions' transformers, which are the same.
type function struct {
	minArgs, maxArgs int
	// check refuses arguments of a wrong type and sets the node's own; an empty text is consent.
	check func(n *node) string
	// apply sets v; the arguments' values are all there.
	apply func(n *node, args []field.Value, v *field.Value) bool
}

// functions by name. A list of arguments in parentheses is one too, without a name.
var functions = map[string]*function{
	"tolower":  {1, 1, checkText, each(func(s string) (string, bool) { return field.Lower(s), true })},
	"toupper":  {1, 1, checkText, each(func(s string) (string, bool) { return field.Upper(s), true })},
	"basename": {1, 1, checkText, each(func(s string) (string, bool) { return field.Basename(s), true })},
	"b64":      {1, 1, checkBase64, each(field.Base64)},
	"len":      {1, 1, checkLen, applyLen},
	"join":     {2, 2, checkJoin, applyJoin},
	"concat":   {2, 64, checkConcat, applyConcat},
	"getopt":   {2, 2, checkGetopt, applyGetopt},
}

var listOf = &function{0, 64, checkList, applyList}

// maxDepth bounds functions inside each other.
const maxDepth = 32

// function reads the arguments of a function and what follows; the place is behind the opening parenthesis.
func (c *compiler) function(name string, f *function, start int) (*node, error) {
	if c.depth++; c.depth > maxDepth {
		return nil, c.fail(start, "functions lie more than %d deep", maxDepth)
	}
	defer func() { c.depth-- }()
	n := &node{field: -1, name: name, fn: f}
	for {
		c.blanks()
		if c.at < len(c.text) && c.text[c.at] == ')' && len(n.args) == 0 {
			break
		}
		a, err := c.argument()
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, a)
		c.blanks()
		if c.at >= len(c.text) || c.text[c.at] != ',' {
			break
		}
		c.at++
	}
	if c.at >= len(c.text) || c.text[c.at] != ')' {
		return nil, c.fail(c.at, "a closing parenthesis is missing")
	}
	c.at++
	if len(n.args) < f.minArgs || len(n.args) > f.maxArgs {
		return nil, c.fail(start, "%s takes %d to %d arguments, not %d", name, f.minArgs, f.maxArgs, len(n.args))
	}
	if name == "getopt" {
		if arg, after, ok := c.bracket(c.at); ok {
			if len(arg) != 1 {
				return nil, c.fail(c.at, "the argument of getopt() in brackets is one letter, not %q", arg)
			}
			n.selector, c.at = arg, after
		}
	}
	if why := f.check(n); why != "" {
		return nil, c.fail(start, "%s takes %s", name, why)
	}
	return n, nil
}

func (c *compiler) blanks() {
	for c.at < len(c.text) && strings.IndexByte(" \t\b\r\n", c.text[c.at]) >= 0 {
		c.at++
	}
}

// argument reads a value, a quoted text, a number, or a list.
func (c *compiler) argument() (*node, error) {
	start := c.at
	if start >= len(c.text) {
		return nil, c.fail(start, "an argument is missing")
	}
	switch b := c.text[start]; {
	case b == '(':
		c.at++
		return c.function("a list", listOf, start)
	case b == '"' || b == '\'':
		end := strings.IndexByte(c.text[start+1:], b)
		if end < 0 {
			return nil, c.fail(start, "a closing quote is missing")
		}
		c.at = start + end + 2
		return &node{field: -1, literal: c.text[start+1 : c.at-1]}, nil
	case isDigit(b) || b == '-' || b == '+':
		for c.at++; c.at < len(c.text) && (isWord(c.text[c.at]) || c.text[c.at] == '.'); c.at++ {
		}
		return &node{field: -1, literal: c.text[start:c.at]}, nil
	}
	return c.value()
}

// append renders a value; ok is false if it is missing.
func (n *node) append(dst []byte, t *Template, cells []cell, base64 bool) (out []byte, ok bool) {
	if n.field >= 0 {
		c, r := &cells[n.field], &t.fields[n.field].Ref
		if base64 && c.ok && isBytes(r) {
			return b64.AppendEncode(dst, []byte(c.v.Str)), true
		}
		return r.AppendText(dst, &c.v, c.ok), c.ok
	}
	var v field.Value
	ok = n.eval(cells, &v)
	r := field.Ref{Info: &field.Info{List: n.list}, Kind: n.kind}
	if ok {
		t.redactor.value(&r, &v) // a function may decode or put together what was none before
	}
	return r.AppendText(dst, &v, ok), ok
}

// eval computes a value from those of the fields; false if one is missing, or a function fails.
func (n *node) eval(cells []cell, v *field.Value) bool {
	switch {
	case n.field >= 0:
		*v = cells[n.field].v
		return cells[n.field].ok
	case n.fn == nil:
		v.Str = n.literal
		return true
	}
	args := make([]field.Value, len(n.args))
	for i, a := range n.args {
		if !a.eval(cells, &args[i]) {
			return false
		}
		if n.fn == listOf && a.kind.Group() != field.Text {
			args[i].Str = string(field.AppendValue(nil, a.kind, field.Plain, &args[i]))
		}
	}
	return n.fn.apply(n, args, v)
}

func isBytes(r *field.Ref) bool { return r.Kind == field.ByteBuf && !r.List }

func isText(n *node) bool { return n.kind.Group() == field.Text }

func checkText(n *node) string {
	n.kind, n.list = n.args[0].kind, n.args[0].list
	if !isText(n.args[0]) || n.args[0].fn == nil && n.args[0].field < 0 {
		return "a field or a function that yields text"
	}
	return ""
}

func checkBase64(n *node) string {
	n.kind, n.list = n.args[0].kind, n.args[0].list
	if n.kind != field.CharBuf && n.kind != field.ByteBuf {
		return "a text or bytes, but no path"
	}
	return ""
}

func checkLen(n *node) string {
	n.kind = field.Uint64
	if a := n.args[0]; !a.list && !isText(a) && a.kind != field.ByteBuf {
		return "a text, bytes or a list"
	}
	return ""
}

func checkJoin(n *node) string {
	if n.args[0].list || !isText(n.args[0]) || !n.args[1].list {
		return "a text and a list"
	}
	return ""
}

func checkConcat(n *node) string {
	for _, a := range n.args {
		if a.list || !isText(a) {
			return "texts"
		}
	}
	return ""
}

func checkGetopt(n *node) string {
	n.list = n.selector == ""
	if a := n.args[0]; !a.list || !isText(a) || n.args[1].list || !isText(n.args[1]) {
		return "a list of texts and a text"
	}
	return ""
}

func checkList(n *node) string {
	n.list = true
	for _, a := range n.args {
		if a.list {
			return "no lists inside"
		}
	}
	return ""
}

// each makes a function of texts work on lists too.
func each(f func(string) (string, bool)) func(*node, []field.Value, *field.Value) bool {
	return func(n *node, args []field.Value, v *field.Value) (ok bool) {
		if !n.list {
			v.Str, ok = f(args[0].Str)
			return ok
		}
		for i := range args[0].List {
			s, ok := f(args[0].List[i].Str)
			if !ok {
				return false
			}
			v.List = append(v.List, field.Value{Str: s})
		}
		return true
	}
}

func applyLen(n *node, args []field.Value, v *field.Value) bool {
	v.Num = int64(len(args[0].Str))
	if n.args[0].list {
		v.Num = int64(len(args[0].List))
	}
	return true
}

func applyJoin(n *node, args []field.Value, v *field.Value) bool {
	var b []byte
	for i := range args[1].List {
		if i > 0 {
			b = append(b, args[0].Str...)
		}
		b = field.AppendValue(b, n.args[1].kind, field.Plain, &args[1].List[i])
	}
	v.Str = string(b)
	return true
}

func applyConcat(_ *node, args []field.Value, v *field.Value) bool {
	var b strings.Builder
	for i := range args {
		b.WriteString(args[i].Str)
	}
	v.Str = b.String()
	return true
}

func applyGetopt(n *node, args []field.Value, v *field.Value) (ok bool) {
	if !n.list {
		v.Str, ok = field.GetoptOne(args[0].List, args[1].Str, n.selector)
		return ok
	}
	for _, s := range field.Getopt(args[0].List, args[1].Str) {
		v.List = append(v.List, field.Value{Str: s})
	}
	return true
}

func applyList(_ *node, args []field.Value, v *field.Value) bool {
	v.List = args
	return true
}
