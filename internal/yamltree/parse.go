package yamltree

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxNesting bounds the depth of collections; what is deeper is refused.
const maxNesting = 64

// Error is broken YAML and its place.
type Error struct {
	File    *File
	Offset  int
	Message string
}

// Error names file, line and column.
func (e *Error) Error() string {
	line, col := e.File.Position(e.Offset)
	return fmt.Sprintf("%s:%d:%d: %s", e.File.Name, line, col, e.Message)
}

// MaxSize bounds a file, in bytes.
const MaxSize = 16 << 20

// Parse reads all documents of a file. An empty document is a node of kind Null.
func Parse(f *File) ([]*Node, *Error) {
	docs, err := parse(f)
	if err != nil {
		err.File = f
		return nil, err
	}
	return docs, nil
}

func parse(f *File) ([]*Node, *Error) {
	if len(f.text) > MaxSize {
		return nil, &Error{Message: fmt.Sprintf("the file is larger than %d MiB, split it", MaxSize>>20)}
	}
	if i := strings.IndexByte(f.text, 0); i >= 0 {
		return nil, &Error{Offset: i, Message: "NUL byte, the file is no text"}
	}
	if runs := findRuns(f); len(runs) > 0 {
		// What looks like items may be something else, such as lines of a text. Then the library reads all of it.
		if docs, err := read(f, runs); err == nil {
			return docs, nil
		}
	}
	return read(f, nil)
}

// read has the library read all but the middle of runs.
func read(f *File, runs []run) ([]*Node, *Error) {
	c := converter{file: f, seen: f, runs: runs, anchors: map[string]*Node{}}
	if len(runs) > 0 {
		c.seen = countLines(f.Name, without(f, runs))
	}
	file, err := parseTokens(c.seen)
	if err != nil {
		return nil, err
	}
	var docs []*Node
	for _, d := range file.Docs {
		// An anchor is known in its own document only.
		clear(c.anchors)
		n, err := c.convert(d.Body, 0)
		if err != nil {
			return nil, err
		}
		docs = append(docs, n)
	}
	if c.inserted < len(runs) {
		return nil, &Error{Message: "a run of items is no sequence"}
	}
	return docs, nil
}

// parseTokens runs the library. Its panics, which fuzzing of it has found before, are errors of the file.
func parseTokens(f *File) (file *ast.File, yerr *Error) {
	defer func() {
		if r := recover(); r != nil {
			file, yerr = nil, &Error{Message: fmt.Sprintf("the YAML parser gave up: %v", r)}
		}
	}()
	tokens, yerr := tokenize(f)
	if yerr != nil {
		return nil, yerr
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		e := syntaxError(f, err)
		if open := unclosed(f, tokens, e.Offset); e.Message == endOfSequence && open >= 0 {
			e.Offset = open
		}
		return nil, e
	}
	return file, nil
}

// tokenize splits a file and refuses a depth of nesting that the parser's recursion should not meet.
func tokenize(f *File) (token.Tokens, *Error) {
	if off, deep := tooDeep(f); deep {
		return nil, &Error{Offset: off, Message: fmt.Sprintf("collections nest deeper than %d", maxNesting)}
	}
	tokens := lexer.Tokenize(f.text)
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
			return nil, &Error{Offset: f.Offset(t.Position.Line, t.Position.Column),
				Message: fmt.Sprintf("collections nest deeper than %d", maxNesting)}
		}
	}
	return tokens, nil
}

// tooDeep looks for a line that opens far more brackets than it closes, before anything recursive sees it. Brackets
// inside of quotes count too, which errs on the safe side only for text that no rule holds.
func tooDeep(f *File) (int, bool) {
	depth := 0
	for i, c := range f.text {
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

func syntaxError(f *File, err error) *Error {
	e := &Error{Message: err.Error()}
	var ye yaml.Error
	if errors.As(err, &ye) {
		e.Message = ye.GetMessage()
		if t := ye.GetToken(); t != nil && t.Position != nil {
			e.Offset = f.Offset(t.Position.Line, t.Position.Column)
		}
	}
	for _, w := range syntaxWords {
		if strings.Contains(e.Message, w.part) {
			e.Message = w.words
		}
	}
	if i := strings.IndexByte(f.text[e.Offset:], ':'); e.Message == illegalMapValue && i >= 0 {
		// The colon is the mistake, not what stands before it.
		e.Offset += i
	}
	return e
}

// unclosed finds the innermost bracket that is open where an error was found; -1 if there is none.
func unclosed(f *File, tokens token.Tokens, off int) int {
	var open []int
	for _, t := range tokens {
		at := f.Offset(t.Position.Line, t.Position.Column)
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
	// file is what is read; seen is what the library sees of it.
	file, seen *File
	// runs are what the library does not see, in order; inserted counts those whose items are in the tree.
	runs     []run
	inserted int
	anchors  map[string]*Node
}

func (c *converter) at(t *token.Token) int {
	if t == nil || t.Position == nil {
		return 0
	}
	return placeOf(c.runs, c.seen.Offset(t.Position.Line, t.Position.Column))
}

// insert adds the items between the first and the last one of the next run, if the sequence has reached the last one.
func (c *converter) insert(items []*Node, last *Node) []*Node {
	if c.inserted == len(c.runs) || len(items) == 0 {
		return items
	}
	r := c.runs[c.inserted]
	if items[len(items)-1].Offset != r.first || last.Offset != r.last {
		return items
	}
	c.inserted++
	return append(items, r.nodes(c.file)...)
}

func (c *converter) convert(n ast.Node, depth int) (*Node, *Error) {
	if n == nil {
		return &Node{File: c.file}, nil
	}
	off := c.at(n.GetToken())
	if depth > maxNesting {
		return nil, &Error{Offset: off, Message: fmt.Sprintf("collections nest deeper than %d", maxNesting)}
	}
	switch n := n.(type) {
	case *ast.NullNode, *ast.CommentGroupNode, *ast.DirectiveNode:
		return &Node{File: c.file, Offset: off, body: off}, nil
	case *ast.MappingKeyNode:
		return c.convert(n.Value, depth+1)
	case *ast.MappingNode:
		return c.mapping(n.Values, off, depth)
	case *ast.MappingValueNode:
		return c.mapping([]*ast.MappingValueNode{n}, off, depth)
	case *ast.SequenceNode:
		out := &Node{Kind: Sequence, File: c.file, Offset: off}
		for _, v := range n.Values {
			item, err := c.convert(v, depth+1)
			if err != nil {
				return nil, err
			}
			out.Items = append(c.insert(out.Items, item), item)
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
		return nil, &Error{Offset: off, Message: fmt.Sprintf("the requested alias is not defined: %s", name)}
	case *ast.TagNode:
		return c.convert(n.Value, depth+1)
	case *ast.LiteralNode:
		out := &Node{Kind: Scalar, Style: Block, File: c.file, Offset: off, Text: n.Value.Value}
		line, _ := c.file.Position(off)
		out.body = c.file.Offset(line+1, 1)
		return out, nil
	default:
		out := c.scalar(n.GetToken(), off)
		if out.Style == Plain && strings.HasPrefix(out.Text, "%") {
			return nil, &Error{Offset: off, Message: "a text that begins with '%' needs quotes"}
		}
		return out, nil
	}
}

func (c *converter) scalar(t *token.Token, off int) *Node {
	n := &Node{Kind: Scalar, File: c.file, Offset: off, body: off, Text: t.Value}
	switch t.Type {
	case token.SingleQuoteType:
		n.Style, n.body = SingleQuoted, off+1
	case token.DoubleQuoteType:
		n.Style, n.body = DoubleQuoted, off+1
	}
	return n
}

func (c *converter) mapping(values []*ast.MappingValueNode, off, depth int) (*Node, *Error) {
	out := &Node{Kind: Mapping, File: c.file, Offset: off}
	for _, v := range values {
		inserted := c.inserted
		key, err := c.convert(v.Key, depth+1)
		if err != nil {
			return nil, err
		}
		if c.inserted > inserted || c.tooLong(v) {
			return nil, &Error{Offset: c.at(v.Start), Message: illegalMapValue}
		}
		value, err := c.convert(v.Value, depth+1)
		if err != nil {
			return nil, err
		}
		if value.Kind == Null {
			value = &Node{File: c.file, Offset: key.Offset, body: key.Offset}
		}
		out.Pairs = append(out.Pairs, Pair{key, value})
	}
	if len(out.Pairs) > 0 {
		out.Offset = out.Pairs[0].Key.Offset
	}
	return out, nil
}

// maxKey is the YAML specification's bound of a key without "?", in characters up to its colon.
const maxKey = 1024

func (c *converter) tooLong(v *ast.MappingValueNode) bool {
	if _, explicit := v.Key.(*ast.MappingKeyNode); explicit || v.Start == nil {
		return false
	}
	key := v.Key.GetToken()
	return key != nil && key.Position.Line == v.Start.Position.Line && v.Start.Position.Column-key.Position.Column > maxKey
}
