package engine

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of one rule file; what exceeds them is refused.
const (
	maxFileSize = 4 << 20
	// maxNesting bounds the depth of YAML collections; rule files need six.
	maxNesting = 64
)

// yamlError is broken YAML and its place.
type yamlError struct {
	off int
	msg string
}

// parseYAML reads all documents of a file. Empty documents are left out.
func parseYAML(src *source) ([]*node, *yamlError) {
	if len(src.text) > maxFileSize {
		return nil, &yamlError{msg: fmt.Sprintf("the file is larger than %d MiB, split it", maxFileSize>>20)}
	}
	if i := strings.IndexByte(string(src.text), 0); i >= 0 {
		return nil, &yamlError{off: i, msg: "NUL byte, the file is no text"}
	}
	file, yerr := parseTokens(src)
	if yerr != nil {
		return nil, yerr
	}
	c := converter{src: src, anchors: map[string]*node{}}
	var docs []*node
	for _, d := range file.Docs {
		// An anchor is known in its own document only.
		clear(c.anchors)
		n, yerr := c.convert(d.Body, 0)
		if yerr != nil {
			return nil, yerr
		}
		if n.kind != kindNull {
			docs = append(docs, n)
		}
	}
	return docs, nil
}

// parseTokens runs the library. Its panics, which fuzzing of it has found before, are errors of the file.
func parseTokens(src *source) (file *ast.File, yerr *yamlError) {
	defer func() {
		if r := recover(); r != nil {
			file, yerr = nil, &yamlError{msg: fmt.Sprintf("the YAML parser gave up: %v", r)}
		}
	}()
	tokens, yerr := tokenize(src)
	if yerr != nil {
		return nil, yerr
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		e := syntaxError(src, err)
		if open := unclosed(src, tokens, e.off); e.msg == endOfSequence && open >= 0 {
			e.off = open
		}
		return nil, e
	}
	return file, nil
}

// tokenize splits a file and refuses a depth of nesting that the parser's recursion should not meet.
func tokenize(src *source) (token.Tokens, *yamlError) {
	if off, deep := tooDeep(src); deep {
		return nil, &yamlError{off: off, msg: fmt.Sprintf("collections nest deeper than %d", maxNesting)}
	}
	tokens := lexer.Tokenize(string(src.text))
	run := 0
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType,
			token.SequenceStartType, token.MappingStartType:
			run++
		default:
			run = 0
		}
		if run > 2*maxNesting {
			return nil, &yamlError{off: src.offset(t.Position.Line, t.Position.Column),
				msg: fmt.Sprintf("collections nest deeper than %d", maxNesting)}
		}
	}
	return tokens, nil
}

// tooDeep looks for a line that opens far more brackets than it closes, before anything recursive sees it. Brackets
// inside of quotes count too, which errs on the safe side only for text that no rule holds.
func tooDeep(src *source) (int, bool) {
	depth := 0
	for i, c := range src.text {
		switch c {
		case '[', '{':
			if depth++; depth > 16*maxNesting {
				return i, true
			}
		case ']', '}':
			depth = max(depth-1, 0)
		}
	}
	return 0, false
}

const (
	illegalMapValue = "illegal map value"
	endOfSequence   = "end of sequence flow not found"
)

// syntaxWords are Falco's words for the commonest mistakes.
var syntaxWords = []struct{ part, words string }{
	{"mapping value is not allowed", illegalMapValue},
	{"',' or ']' must be specified", endOfSequence},
	{"sequence end token ']' not found", endOfSequence},
	{"',' or '}' must be specified", "end of map flow not found"},
	{"could not find flow mapping end", "end of map flow not found"},
	{"could not find end character of double-quoted", "end of double-quoted text not found"},
	{"could not find end character of single-quoted", "end of single-quoted text not found"},
}

func syntaxError(src *source, err error) *yamlError {
	e := &yamlError{msg: err.Error()}
	var ye yaml.Error
	if errors.As(err, &ye) {
		e.msg = ye.GetMessage()
		if t := ye.GetToken(); t != nil && t.Position != nil {
			e.off = src.offset(t.Position.Line, t.Position.Column)
		}
	}
	for _, w := range syntaxWords {
		if strings.Contains(e.msg, w.part) {
			e.msg = w.words
		}
	}
	if i := bytes.IndexByte(src.text[e.off:], ':'); e.msg == illegalMapValue && i >= 0 {
		// The colon is the mistake, not what stands before it.
		e.off += i
	}
	return e
}

// unclosed finds the innermost bracket that is open where an error was found; -1 if there is none.
func unclosed(src *source, tokens token.Tokens, off int) int {
	var open []int
	for _, t := range tokens {
		at := src.offset(t.Position.Line, t.Position.Column)
		if at > off {
			break
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			open = append(open, at)
		case token.SequenceEndType, token.MappingEndType:
			open = open[:max(len(open)-1, 0)]
		}
	}
	if len(open) == 0 {
		return -1
	}
	return open[len(open)-1]
}

// converter turns the library's tree into ours.
type converter struct {
	src     *source
	anchors map[string]*node
}

func (c *converter) at(t *token.Token) int {
	if t == nil || t.Position == nil {
		return 0
	}
	return c.src.offset(t.Position.Line, t.Position.Column)
}

func (c *converter) convert(n ast.Node, depth int) (*node, *yamlError) {
	if n == nil {
		return &node{src: c.src}, nil
	}
	off := c.at(n.GetToken())
	if depth > maxNesting {
		return nil, &yamlError{off: off, msg: fmt.Sprintf("collections nest deeper than %d", maxNesting)}
	}
	switch n := n.(type) {
	case *ast.NullNode, *ast.CommentGroupNode, *ast.DirectiveNode:
		return &node{src: c.src, off: off, body: off}, nil
	case *ast.MappingKeyNode:
		return c.convert(n.Value, depth+1)
	case *ast.MappingNode:
		return c.mapping(n.Values, depth)
	case *ast.MappingValueNode:
		return c.mapping([]*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		out := &node{kind: kindSequence, src: c.src, off: off}
		for _, v := range n.Values {
			item, err := c.convert(v, depth+1)
			if err != nil {
				return nil, err
			}
			out.items = append(out.items, item)
		}
		return out, nil
	case *ast.AnchorNode:
		v, err := c.convert(n.Value, depth+1)
		if err == nil {
			c.anchors[n.Name.GetToken().Value] = v
		}
		return v, err
	case *ast.AliasNode:
		name := n.Value.GetToken().Value
		if v, ok := c.anchors[name]; ok {
			return v, nil
		}
		return nil, &yamlError{off: off, msg: fmt.Sprintf("the requested alias is not defined: %s", name)}
	case *ast.TagNode:
		return c.convert(n.Value, depth+1)
	case *ast.LiteralNode:
		out := &node{kind: kindScalar, style: styleBlock, src: c.src, off: off, text: n.Value.Value}
		line, _ := c.src.position(off)
		out.body = c.src.offset(line+1, 1)
		return out, nil
	default:
		out := c.scalar(n.GetToken(), off)
		if out.style == stylePlain && strings.HasPrefix(out.text, "%") {
			return nil, &yamlError{off: off, msg: "a text that begins with '%' needs quotes"}
		}
		return out, nil
	}
}

func (c *converter) scalar(t *token.Token, off int) *node {
	n := &node{kind: kindScalar, src: c.src, off: off, body: off, text: t.Value}
	switch t.Type {
	case token.SingleQuoteType:
		n.style, n.body = styleSingle, off+1
	case token.DoubleQuoteType:
		n.style, n.body = styleDouble, off+1
	}
	return n
}

func (c *converter) mapping(values []*ast.MappingValueNode, depth int) (*node, *yamlError) {
	out := &node{kind: kindMapping, src: c.src}
	for _, v := range values {
		key, err := c.convert(v.Key, depth+1)
		if err != nil {
			return nil, err
		}
		value, err := c.convert(v.Value, depth+1)
		if err != nil {
			return nil, err
		}
		if value.kind == kindNull {
			value = &node{src: c.src, off: key.off, body: key.off}
		}
		out.pairs = append(out.pairs, pair{key, value})
	}
	if len(out.pairs) > 0 {
		out.off = out.pairs[0].key.off
	}
	return out, nil
}
