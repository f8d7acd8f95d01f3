package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a configuration file; what exceeds them is refused.
const (
	// maxFile is in bytes; Falco's own file, with all its comments, has 60 kB.
	maxFile = 1 << 20
	// maxNesting is the depth of collections; the deepest known key needs six.
	maxNesting = 64
)

// readFile reads a file into a tree.
func readFile(path string) (*node, []string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, readError(path, err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, nil, readError(path, err)
	}
	if len(content) > maxFile {
		return nil, nil, fmt.Errorf("read configuration file %s: it is larger than %d MiB; is it the right file?", path, maxFile>>20)
	}
	return parse(path, content)
}

func readError(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("read configuration file %s: %w; check the path given with -c or config_files", path, err)
}

// fault is what is wrong at a place.
func fault(at origin, format string, args ...any) error {
	what := "read configuration file "
	if at.option != "" {
		what = "read "
	}
	return fmt.Errorf("%s%s: %s", what, at, fmt.Sprintf(format, args...))
}

// parse builds the tree of a file's first document, as Falco does, with the environment put in, and warnings.
func parse(name string, content []byte) (*node, []string, error) {
	c := &converter{name: name, anchors: map[string]*node{}}
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	file, err := c.parseYAML(content)
	if err != nil {
		return nil, nil, err
	}
	root := &node{kind: mapping, from: origin{file: name, line: 1, col: 1}}
	if len(file.Docs) == 0 {
		return root, nil, nil
	}
	n, err := c.convert(file.Docs[0].Body, 0)
	switch {
	case err != nil:
		return nil, nil, err
	case n.kind == null:
		return root, nil, nil
	case n.kind != mapping:
		return nil, nil, fault(n.from, "the file holds %s; write lines of the form key: value", n.kind)
	}
	return n, c.warnings, nil
}

// parseYAML runs the library. Its panics are errors of the file.
func (c *converter) parseYAML(content []byte) (file *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			file, err = nil, fmt.Errorf("read configuration file %s: the YAML parser gave up: %v", c.name, r)
		}
	}()
	if i := bytes.IndexByte(content, 0); i >= 0 {
		return nil, fault(origin{file: c.name, line: 1 + bytes.Count(content[:i], []byte("\n")), col: 1}, "NUL byte; the file is no text")
	}
	tokens := lexer.Tokenize(string(content))
	if t := tooDeep(tokens); t != nil {
		return nil, fault(c.at(t), "collections nest deeper than %d", maxNesting)
	}
	file, err = parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err == nil {
		return file, nil
	}
	var ye yaml.Error
	if errors.As(err, &ye) && ye.GetToken() != nil {
		return nil, fault(c.at(ye.GetToken()), "broken YAML: %s", ye.GetMessage())
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return nil, fmt.Errorf("read configuration file %s: broken YAML: %s", c.name, line)
}

// tooDeep finds the token that opens too deep a collection, before the parser's recursion meets it. Indented blocks need
// no bound: their depth costs the square of it in bytes.
func tooDeep(tokens token.Tokens) *token.Token {
	brackets, run := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
			run++
		case token.SequenceEndType, token.MappingEndType:
			brackets = max(brackets-1, 0)
			run = 0
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			run++
		default:
			run = 0
		}
		if brackets > maxNesting || run > 2*maxNesting {
			return t
		}
	}
	return nil
}

// converter turns the library's tree into ours.
type converter struct {
	name     string
	anchors  map[string]*node
	warnings []string
	// literal: leave ${…} as it is, and refuse aliases.
	literal bool
}

func (c *converter) at(t *token.Token) origin {
	if t == nil || t.Position == nil {
		return origin{file: c.name, line: 1, col: 1}
	}
	return origin{file: c.name, line: t.Position.Line, col: t.Position.Column}
}

func (c *converter) convert(n ast.Node, depth int) (*node, error) {
	if n == nil {
		return &node{from: c.at(nil)}, nil
	}
	at := c.at(n.GetToken())
	if depth > maxNesting {
		return nil, fault(at, "collections nest deeper than %d", maxNesting)
	}
	switch n := n.(type) {
	case *ast.NullNode, *ast.CommentGroupNode, *ast.DirectiveNode:
		return &node{from: at}, nil
	case *ast.MappingKeyNode:
		return c.convert(n.Value, depth+1)
	case *ast.MappingNode:
		return c.mapping(n.Values, at, depth)
	case *ast.MappingValueNode:
		return c.mapping([]*ast.MappingValueNode{n}, at, depth)
	case *ast.SequenceNode:
		out := &node{kind: list, from: at}
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
		if v, ok := c.anchors[name]; ok && !c.literal {
			return v, nil
		}
		return nil, fault(at, "there is no anchor &%s before this alias", name)
	case *ast.TagNode:
		return c.convert(n.Value, depth+1)
	case *ast.LiteralNode:
		return c.scalar(n.Value.Value, at)
	default:
		return c.scalar(n.GetToken().Value, at)
	}
}

// scalar puts the environment into a text.
func (c *converter) scalar(s string, at origin) (*node, error) {
	if c.literal {
		return &node{kind: scalar, text: s, from: at}, nil
	}
	value, changed, err := expand(s, os.Getenv)
	if err != nil {
		return nil, fault(at, "%v", err)
	}
	at.env = changed
	return &node{kind: scalar, text: value, from: at}, nil
}

func (c *converter) mapping(values []*ast.MappingValueNode, at origin, depth int) (*node, error) {
	out := &node{kind: mapping, from: at}
	first := map[string]origin{}
	for _, v := range values {
		token := v.Key.GetToken()
		keyAt := c.at(token)
		value, err := c.convert(v.Value, depth+1)
		if err != nil {
			return nil, err
		}
		if value.kind == null {
			value = &node{from: keyAt}
		}
		name := token.Value
		if before, ok := first[name]; ok {
			c.warnings = append(c.warnings, fmt.Sprintf("%s: key %s is there twice; the first one, in line %d, counts", keyAt, name, before.line))
			continue
		}
		first[name] = keyAt
		out.pairs = append(out.pairs, pair{name, keyAt, value})
	}
	if len(out.pairs) > 0 {
		out.from = out.pairs[0].at
	}
	return out, nil
}
