package filter

import "strings"

// pathSet finds out whether a path equals one of its entries or lies below one, component by component. Empty
// components do not count, so neither do leading, trailing and doubled slashes. A component of an entry may be a glob.
type pathSet struct {
	entries []string
	root    pathNode
}

type pathNode struct {
	// end: an entry ends here, so everything below is in the set.
	end   bool
	dirs  map[string]*pathNode
	globs []globDir
}

type globDir struct {
	pattern string
	node    *pathNode
}

func newPathSet(entries []string) *pathSet {
	s := &pathSet{entries: entries}
	for _, e := range entries {
		n := &s.root
		for {
			var dir string
			if dir, e = nextDir(e); dir == "" {
				break
			}
			n = n.child(dir)
		}
		n.end = true
	}
	return s
}

// nextDir splits off the first component; "" if there is none.
func nextDir(path string) (dir, rest string) {
	for len(path) > 0 && path[0] == '/' {
		path = path[1:]
	}
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

// child returns the node of a component, made if it is not there yet.
func (n *pathNode) child(dir string) *pathNode {
	if strings.ContainsAny(dir, "*?[") {
		for _, g := range n.globs {
			if g.pattern == dir {
				return g.node
			}
		}
		c := &pathNode{}
		n.globs = append(n.globs, globDir{pattern: dir, node: c})
		return c
	}
	c := n.dirs[dir]
	if c == nil {
		if n.dirs == nil {
			n.dirs = map[string]*pathNode{}
		}
		c = &pathNode{}
		n.dirs[dir] = c
	}
	return c
}

func (s *pathSet) match(path string) bool { return s.root.match(path) }

func (n *pathNode) match(path string) bool {
	if n.end {
		return true
	}
	dir, rest := nextDir(path)
	if dir == "" {
		return false
	}
	if c := n.dirs[dir]; c != nil && c.match(rest) {
		return true
	}
	for _, g := range n.globs {
		if matchGlob(g.pattern, dir, false) && g.node.match(rest) {
			return true
		}
	}
	return false
}
