package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var keyPart = regexp.MustCompile(`^([A-Za-z0-9_-]+)((?:\[\d*\])*)$`)

// set puts a value into a tree of maps and lists, by Falco's key syntax: a.b[0].c. An empty [] appends.
func set(tree map[string]any, key string, value any) error {
	parts := strings.Split(key, ".")
	var at any = tree
	put := func(any) {}
	for _, part := range parts {
		m := keyPart.FindStringSubmatch(part)
		if m == nil {
			return fmt.Errorf("key %q is not of the form a.b[0].c", key)
		}
		node, ok := at.(map[string]any)
		if !ok {
			if at != nil {
				return fmt.Errorf("key %q goes below a value that is no map", key)
			}
			node = map[string]any{}
			put(node)
		}
		name := m[1]
		at, put = node[name], func(v any) { node[name] = v }
		for _, index := range strings.FieldsFunc(m[2], func(r rune) bool { return r == '[' }) {
			list, ok := at.([]any)
			if !ok && at != nil {
				return fmt.Errorf("key %q takes an index of a value that is no list", key)
			}
			i := len(list)
			if n := strings.TrimSuffix(index, "]"); n != "" {
				i, _ = strconv.Atoi(n)
			}
			if i > len(list) {
				return fmt.Errorf("key %q skips an index: the next one is [%d]", key, len(list))
			}
			if i == len(list) {
				list = append(list, nil)
			}
			put(list)
			at, put = list[i], func(v any) { list[i] = v }
		}
	}
	put(value)
	return nil
}
