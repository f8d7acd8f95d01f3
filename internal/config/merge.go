package config

import (
	"os"
	"path/filepath"
	"strings"
)

const includeKey = "config_files"

// include is an entry of config_files.
type include struct {
	path, strategy string
	at             origin
}

func readIncludes(root *node) ([]include, error) {
	var out []include
	for _, n := range root.get(includeKey).elements() {
		i := include{at: n.from, strategy: "append"}
		switch n.kind {
		case scalar:
			i.path = n.text
		case mapping:
			if p := n.get("path"); p != nil {
				i.path = p.text
			}
			if s := n.get("strategy"); s != nil && !s.empty() {
				i.strategy = s.text
				if !contains([]string{"append", "override", "add-only"}, i.strategy) {
					return nil, fault(s.from, "%s: strategy %q is not one of: append, override, add-only", includeKey, i.strategy)
				}
			}
		}
		if i.path == "" {
			return nil, fault(n.from, "%s: no path; write a path, or path: and strategy:", includeKey)
		}
		out = append(out, i)
	}
	return out, nil
}

// files are those that an entry stands for: itself, or the regular files of a directory, sorted by name. What is absent
// stands for none, as in Falco.
func (i *include) files() ([]string, error) {
	st, err := os.Stat(i.path)
	switch {
	case os.IsNotExist(err):
		return nil, nil
	case err != nil:
		return nil, readError(i.path, err)
	case st.Mode().IsRegular():
		return []string{i.path}, nil
	case !st.IsDir():
		return nil, fault(i.at, "%s: %s is neither a file nor a directory", includeKey, i.path)
	}
	entries, err := os.ReadDir(i.path)
	if err != nil {
		return nil, readError(i.path, err)
	}
	var out []string
	for _, e := range entries {
		path := filepath.Join(i.path, e.Name())
		// A link counts as what it leads to: Kubernetes mounts files as links.
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
			out = append(out, path)
		}
	}
	return out, nil
}

// mergeIncludes merges the files of config_files into the tree of the file main, in order.
func (l *Loaded) mergeIncludes(root *node, main string) (*node, error) {
	includes, err := readIncludes(root)
	if err != nil {
		return nil, err
	}
	for _, inc := range includes {
		files, err := inc.files()
		if err != nil {
			return nil, err
		}
		for _, path := range files {
			if sameFile(path, main) {
				return nil, fault(inc.at, "%s: %s includes itself; take it out of the list", includeKey, main)
			}
			more, warnings, err := readFile(path)
			if err != nil {
				return nil, err
			}
			l.Files, l.Warnings = append(l.Files, path), append(l.Warnings, warnings...)
			if root, err = merge(root, more, inc.strategy); err != nil {
				return nil, err
			}
		}
	}
	return root, nil
}

func sameFile(a, b string) bool {
	sa, err := os.Stat(a)
	if err != nil {
		return false
	}
	sb, err := os.Stat(b)
	return err == nil && os.SameFile(sa, sb)
}

// merge puts the keys of an included file into the tree. Only whole keys of the root are merged, as in Falco: a section
// replaces the section of that name.
func merge(root, more *node, strategy string) (*node, error) {
	for _, p := range more.pairs {
		if p.key == includeKey {
			return nil, fault(p.at, "an included file can't include others; move its %s to the main file", includeKey)
		}
		old, value := root.get(p.key), p.value
		switch {
		case strategy == "add-only" && old != nil:
			continue
		case strategy == "append" && value.kind == list && old != nil && old.kind != null:
			if old.kind == mapping {
				return nil, fault(value.from, "%s: a list can't be appended to the map of keys in %s; use the strategy override", p.key, old.from)
			}
			whole := *value
			whole.items = append(append([]*node(nil), old.elements()...), value.items...)
			value = &whole
		}
		root = root.with(p.key, p.at, value)
	}
	return root, nil
}

// splitIncludes parts the overrides of config_files from the rest: they count before the files are merged.
func splitIncludes(overrides []override) (includes, others []override) {
	for _, o := range overrides {
		if strings.HasPrefix(o.key, includeKey) {
			includes = append(includes, o)
		} else {
			others = append(others, o)
		}
	}
	return includes, others
}
