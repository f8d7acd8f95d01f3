package filter

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/saker-sensor/saker/internal/field"
)

// maxLiteral bounds a literal of text or bytes, in bytes, as in Falco.
const maxLiteral = 255

// elementPred tests for one literal with an operator that takes one.
func (c *compiler) elementPred(src *source, op Op, v *Value) (pred, error) {
	switch op {
	case OpEq, OpEq2, OpIn, OpIntersects:
		return c.memberPred(src, []*Value{v})
	case OpNe:
		p, err := c.memberPred(src, []*Value{v})
		return notPred{p}, err
	case OpLt, OpLe, OpGt, OpGe:
		return c.orderPred(src, op, v)
	case OpPMatch:
		return c.pathPred(src, []*Value{v})
	}
	text := v.Text
	if op == OpBContains || op == OpBStartsWith {
		b, err := hex.DecodeString(text)
		if err != nil || len(b) == 0 {
			return nil, errorAt(v.Pos, "%s takes an even number of hexadecimal digits, not %q", op, text)
		}
		text = string(b)
	}
	if err := checkText(src, v.Pos, text); err != nil {
		return nil, err
	}
	switch op {
	case OpContains, OpBContains:
		if text == "" {
			return truePred{}, nil
		}
		return &textContains{lit: text}, nil
	case OpIContains:
		if text == "" {
			return truePred{}, nil
		}
		return &textIContains{lit: field.Lower(text)}, nil
	case OpStartsWith, OpBStartsWith:
		if text == "" {
			return truePred{}, nil
		}
		return newTextPrefix([]string{text}), nil
	case OpEndsWith:
		if text == "" {
			return truePred{}, nil
		}
		return &textSuffix{lit: text}, nil
	case OpGlob, OpIGlob:
		return globPred(text, op == OpIGlob), nil
	case OpRegex:
		// Compiled alone first: the frame must not repair unbalanced parentheses.
		if _, err := regexp.Compile(text); err != nil {
			return nil, errorAt(v.Pos, "regular expression %q: %v", text, err)
		}
		re, err := regexp.Compile(`\A(?:` + text + `)\z`)
		if err != nil {
			return nil, errorAt(v.Pos, "regular expression %q: %v", text, err)
		}
		return &textRegex{re: re}, nil
	}
	return nil, errorAt(v.Pos, "operator %q takes no literal", op)
}

// memberPred tests for membership in a list of literals.
func (c *compiler) memberPred(src *source, values []*Value) (pred, error) {
	switch src.kind.Group() {
	case field.Text, field.Bytes:
		items := make([]string, len(values))
		for i, v := range values {
			if err := checkText(src, v.Pos, v.Text); err != nil {
				return nil, err
			}
			items[i] = v.Text
		}
		return &textIn{set: newSet(items)}, nil
	case field.Boolean:
		items := make([]int64, len(values))
		for i, v := range values {
			switch v.Text {
			case "true":
				items[i] = 1
			case "false":
			default:
				return nil, errorAt(v.Pos, "%q is neither true nor false, and %s is of type BOOL", v.Text, src.text)
			}
		}
		return &numIn{set: newSet(items)}, nil
	case field.Address, field.Network:
		return addressPred(src, values)
	case field.Float:
		preds := make(anyPred, len(values))
		for i, v := range values {
			p, err := c.orderPred(src, OpEq, v)
			if err != nil {
				return nil, err
			}
			preds[i] = p
		}
		return preds, nil
	default:
		items := make([]int64, len(values))
		for i, v := range values {
			n, err := c.number(src, v)
			if err != nil {
				return nil, err
			}
			items[i] = n
		}
		return &numIn{set: newSet(items)}, nil
	}
}

func (c *compiler) orderPred(src *source, op Op, v *Value) (pred, error) {
	if src.kind.Group() == field.Text {
		return &textOrder{op: op, lit: v.Text}, checkText(src, v.Pos, v.Text)
	}
	n, err := c.number(src, v)
	if err != nil {
		return nil, err
	}
	switch src.kind.Group() {
	case field.Float:
		return &floatOrder{op: op, lit: float64(n)}, nil
	case field.Signed:
		return &signedOrder{op: op, lit: n}, nil
	default:
		return &unsignedOrder{op: op, lit: uint64(n)}, nil
	}
}

func (c *compiler) pathPred(src *source, values []*Value) (pred, error) {
	entries := make([]string, len(values))
	for i, v := range values {
		if err := checkText(src, v.Pos, v.Text); err != nil {
			return nil, err
		}
		entries[i] = v.Text
	}
	return &textPath{set: newPathSet(entries)}, nil
}

func checkText(src *source, pos Pos, s string) error {
	if src.kind.Group() == field.Text && strings.IndexByte(s, 0) >= 0 {
		return errorAt(pos, "%s is a text and can't hold the NUL byte of %q", src.text, s)
	}
	if len(s) > maxLiteral {
		return errorAt(pos, "this value has %d bytes, at most %d are allowed", len(s), maxLiteral)
	}
	return nil
}

func errorAt(pos Pos, format string, args ...any) error {
	return &CompileError{Pos: pos, Msg: fmt.Sprintf(format, args...)}
}
