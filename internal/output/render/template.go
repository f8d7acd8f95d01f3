// Package render turns a match into an alert, byte for byte in Falco's shape.
//
// A [Template] is a rule's compiled output text; an [Alert] formats a match of a rule, an [Internal] is an alert of the sensor about
// itself. A [Redactor] replaces secrets. Nothing here keeps the event after it has returned.
package render

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// Template is a text with fields in it, compiled. It is safe for several goroutines at once.
type Template struct {
	parts  []part
	fields []Used
	// lenient prints missing values as <NA>; otherwise the first one ends the text.
	lenient bool
	// redactor replaces secrets in the values; nil replaces nothing.
	redactor *Redactor
}

// Used is a field of a template, under the name that it has there.
type Used struct {
	// Key is the field as it was written: proc.aname[2].
	Key string
	Ref field.Ref
}

// part is a literal text, or a value.
type part struct {
	text  string
	value *node
	// width pads or cuts the value to so many bytes; 0 leaves it as it is.
	width int
}

// Error is a fault of a template.
type Error struct {
	// Offset is the place in the template, in bytes from 0.
	Offset int
	// Err is a [*field.Error] where a field is refused.
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("character %d: %v", e.Offset+1, e.Err) }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// maxWidth bounds the number in %8proc.name.
const maxWidth = 1 << 16

// Compile reads a template:
//
//	template := ["*"] ( text | "%" [width] value )*
//	value    := field | function "(" argument ("," argument)* ")" ["[" selector "]"]
//	argument := value | quoted | number | "(" argument ("," argument)* ")"
//
// Of a field's name the longest reading that the dictionary knows counts, so that text may follow without a blank. A
// leading "*" makes missing values print as <NA>. The error is an [*Error].
func Compile(text string, d *field.Dictionary) (*Template, error) {
	c := &compiler{text: text, dict: d, t: &Template{}}
	if text == "" {
		return nil, &Error{Err: errors.New("the output is empty")}
	}
	if text[0] == '*' {
		c.t.lenient = true
		c.at = 1
	}
	start := c.at
	for c.at < len(text) {
		if text[c.at] != '%' {
			c.at++
			continue
		}
		c.literal(start, c.at)
		c.at++
		width, err := c.width()
		if err != nil {
			return nil, err
		}
		n, err := c.value()
		if err != nil {
			return nil, err
		}
		c.t.parts = append(c.t.parts, part{value: n, width: width})
		start = c.at
	}
	c.literal(start, len(text))
	return c.t, nil
}

// Fields lists the fields in the order of their first use, also those inside functions.
func (t *Template) Fields() []Used { return t.fields }

// Append renders the template for an event. Without a leading "*", complete is false if a value was missing; the text
// then ends before it.
func (t *Template) Append(dst []byte, ev *event.Event) (out []byte, complete bool) {
	return t.append(dst, t.extract(ev), false)
}

// cell is the value of a field for one event.
type cell struct {
	v  field.Value
	ok bool
}

// get gets a field's value, without secrets.
func (c *cell) get(ref *field.Ref, ev *event.Event, redactor *Redactor) {
	if c.ok = ref.GetPrint(ev, &c.v); c.ok {
		redactor.value(ref, &c.v)
	}
}

// extract gets the values of all fields.
func (t *Template) extract(ev *event.Event) []cell {
	cells := make([]cell, len(t.fields))
	for i := range cells {
		c := &cells[i]
		c.get(&t.fields[i].Ref, ev, t.redactor)
	}
	return cells
}

// append renders the values; bytes in base 64 if that is asked for.
func (t *Template) append(dst []byte, cells []cell, base64 bool) ([]byte, bool) {
	for i := range t.parts {
		p := &t.parts[i]
		if p.value == nil {
			dst = append(dst, p.text...)
			continue
		}
		start := len(dst)
		var ok bool
		if dst, ok = p.value.append(dst, t, cells, base64); !ok && !t.lenient {
			return dst[:start], false
		}
		if p.width > 0 {
			dst = fit(dst, start, p.width)
		}
	}
	return dst, true
}

// fit pads or cuts what lies behind start.
func fit(dst []byte, start, width int) []byte {
	for len(dst)-start < width {
		dst = append(dst, ' ')
	}
	return dst[:start+width]
}

type compiler struct {
	text string
	// at is the place of the next byte.
	at   int
	dict *field.Dictionary
	t    *Template
	// depth counts the functions around this place.
	depth int
}

func (c *compiler) fail(at int, format string, args ...any) error {
	return &Error{Offset: at, Err: fmt.Errorf(format, args...)}
}

func (c *compiler) literal(start, end int) {
	if start < end {
		c.t.parts = append(c.t.parts, part{text: c.text[start:end]})
	}
}

func (c *compiler) width() (int, error) {
	n, start := 0, c.at
	for ; c.at < len(c.text) && isDigit(c.text[c.at]); c.at++ {
		n = n*10 + int(c.text[c.at]-'0')
		if n > maxWidth {
			return 0, c.fail(start, "the width is larger than %d", maxWidth)
		}
	}
	return n, nil
}

// value reads a field or a function.
func (c *compiler) value() (*node, error) {
	start := c.at
	end := start
	for end < len(c.text) && isWord(c.text[end]) {
		end++
	}
	if end < len(c.text) && c.text[end] == '(' {
		if f, ok := functions[c.text[start:end]]; ok {
			c.at = end + 1
			return c.function(c.text[start:end], f, start)
		}
	}
	return c.field()
}

// maxName bounds a field's name with its argument, in bytes.
const maxName = 512

// field reads the longest name, with its argument, that the dictionary knows.
func (c *compiler) field() (*node, error) {
	start := c.at
	end := start
	for end < len(c.text) && end-start < maxName && isName(c.text[end]) {
		end++
	}
	if end == start {
		return nil, c.fail(start, "a field or a function must follow %%")
	}
	var refused error
	for e := end; e > start; e-- {
		if last := c.text[e-1]; !isWord(last) {
			continue
		}
		name := c.text[start:e]
		if arg, after, ok := c.bracket(e); ok {
			ref, err := c.dict.Lookup(name, arg, true)
			if err == nil {
				return c.use(ref, start, after)
			}
			refused = better(refused, err)
		}
		ref, err := c.dict.Lookup(name, "", false)
		if err == nil {
			if refused != nil && ref.Arg != field.ArgNone && !isUnknown(refused) {
				break // it takes an argument, but not the one that it was given
			}
			return c.use(ref, start, e)
		}
		refused = better(refused, err)
	}
	return nil, &Error{Offset: start, Err: refused}
}

// better prefers the first error, but for one that knows the field at least.
func better(old, err error) error {
	var fe *field.Error
	if old == nil || errors.As(err, &fe) && !isUnknown(err) && isUnknown(old) {
		return err
	}
	return old
}

func isUnknown(err error) bool {
	var fe *field.Error
	return errors.As(err, &fe) && fe.Unknown && !fe.WrongArg
}

// bracket reads [arg] at a place; after is the place behind it.
func (c *compiler) bracket(at int) (arg string, after int, ok bool) {
	if at >= len(c.text) || c.text[at] != '[' {
		return "", 0, false
	}
	rest := c.text[at+1:]
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		end := strings.IndexByte(rest[1:], rest[0])
		if end < 0 || !strings.HasPrefix(rest[end+2:], "]") {
			return "", 0, false
		}
		return rest[1 : end+1], at + end + 4, true
	}
	end := strings.IndexAny(rest, "[]\"' \t\n")
	if end <= 0 || rest[end] != ']' {
		return "", 0, false
	}
	return rest[:end], at + end + 2, true
}

// use makes a value of a field that was read.
func (c *compiler) use(ref field.Ref, start, end int) (*node, error) {
	if c.depth > 0 && ref.Flags&field.NoTransformer != 0 {
		return nil, c.refuse(ref, start, "can't stand inside a function")
	}
	c.at = end
	n := &node{field: -1, kind: ref.Kind, list: ref.List}
	key := c.text[start:end]
	n.field = slices.IndexFunc(c.t.fields, func(u Used) bool { return u.Key == key })
	if n.field < 0 {
		n.field = len(c.t.fields)
		c.t.fields = append(c.t.fields, Used{Key: key, Ref: ref})
	}
	return n, nil
}

func (c *compiler) refuse(ref field.Ref, at int, why string) error {
	return &Error{Offset: at, Err: &field.Error{Field: ref.Name, Reason: fmt.Sprintf("field %q %s", ref.Name, why)}}
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

func isWord(b byte) bool {
	return isDigit(b) || b == '_' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// isName: a label's key, the last part of container.label.KEY, may hold "-" and "/".
func isName(b byte) bool { return isWord(b) || b == '.' || b == '-' || b == '/' }
