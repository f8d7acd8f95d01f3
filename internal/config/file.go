package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/saker-sensor/saker/internal/yamltree"
)

// maxFile bounds a configuration file, in bytes; Falco's own file, with all its comments, has 60 kB.
const maxFile = 1 << 20

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
	root := &node{kind: mapping, from: origin{file: name, line: 1, col: 1}}
	document, err := firstDocument(name, content)
	if document == nil || err != nil {
		return root, nil, err
	}
	c := &converter{done: map[*yamltree.Node]*node{}, environment: os.Getenv}
	n, err := c.convert(document)
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

// parseInline reads YAML that stands in a value. All of it comes from there; variables are not looked at.
func parseInline(text string, from origin) (*node, error) {
	document, err := firstDocument("", []byte(text))
	if document == nil || err != nil {
		return &node{from: from}, err
	}
	c := &converter{done: map[*yamltree.Node]*node{}, from: &from}
	return c.convert(document)
}

// firstDocument reads YAML; nil if it holds none.
func firstDocument(name string, content []byte) (*yamltree.Node, error) {
	file := yamltree.NewFile(name, content)
	docs, err := yamltree.Parse(file)
	if err != nil {
		return nil, fault(placeIn(file, err.Offset), "broken YAML: %s", err.Message)
	}
	if len(docs) == 0 {
		return nil, nil
	}
	return docs[0], nil
}

func placeIn(f *yamltree.File, off int) origin {
	line, col := f.Position(off)
	return origin{file: f.Name, line: line, col: col}
}

// converter makes a configuration's tree of a YAML tree.
type converter struct {
	// done holds what was converted: an alias is the node that it names, and is converted once.
	done     map[*yamltree.Node]*node
	warnings []string
	// environment gives the value of ${NAME}; nil leaves ${…} as it is.
	environment func(string) string
	// from, if set, is the origin of all nodes.
	from *origin
}

func (c *converter) at(n *yamltree.Node) origin {
	if c.from != nil {
		return *c.from
	}
	return placeIn(n.File, n.Offset)
}

func (c *converter) convert(n *yamltree.Node) (*node, error) {
	if out := c.done[n]; out != nil {
		return out, nil
	}
	out, err := c.node(n)
	c.done[n] = out
	return out, err
}

func (c *converter) node(n *yamltree.Node) (*node, error) {
	out := &node{from: c.at(n)}
	switch n.Kind {
	case yamltree.Scalar:
		return c.scalar(n.Text, out.from)
	case yamltree.Sequence:
		out.kind = list
		for _, i := range n.Items {
			item, err := c.convert(i)
			if err != nil {
				return nil, err
			}
			out.items = append(out.items, item)
		}
	case yamltree.Mapping:
		return out, c.pairs(out, n)
	}
	return out, nil
}

// scalar puts the environment into a text.
func (c *converter) scalar(s string, at origin) (*node, error) {
	if c.environment == nil {
		return &node{kind: scalar, text: s, from: at}, nil
	}
	value, changed, err := expand(s, c.environment)
	if err != nil {
		return nil, fault(at, "%v", err)
	}
	at.env = changed
	return &node{kind: scalar, text: value, from: at}, nil
}

func (c *converter) pairs(out *node, n *yamltree.Node) error {
	out.kind = mapping
	first := map[string]origin{}
	for _, p := range n.Pairs {
		name, at := p.Key.Text, c.at(p.Key)
		value, err := c.convert(p.Value)
		if err != nil {
			return err
		}
		if before, ok := first[name]; ok {
			c.warnings = append(c.warnings, fmt.Sprintf("%s: key %s is there twice; the first one, in line %d, counts", at, name, before.line))
			continue
		}
		first[name] = at
		out.pairs = append(out.pairs, pair{name, at, value})
	}
	return nil
}
