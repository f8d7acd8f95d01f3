package config

import (
	"bufio"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Show writes the effective settings as YAML, each line with where it came from: default, file:line, or the option. Keys
// that do not apply are left out.
func (l *Loaded) Show(w io.Writer) error {
	s := &shower{w: bufio.NewWriter(w)}
	read := "none, these are the built-in defaults"
	if len(l.Files) > 0 {
		read = strings.Join(l.Files, ", ")
	}
	fmt.Fprintf(s.w, "# files read: %s\n", read)
	cfg := reflect.ValueOf(&l.Config).Elem()
	table := newTable()
	for i := range table.keys {
		k := &table.keys[i]
		if v := fieldByTag(cfg, k.name); v.IsValid() {
			if k.effect == notYet {
				fmt.Fprintf(s.w, "# no effect yet: %s\n", k.why)
			}
			s.value(k.name+":", 0, v, l.root.get(k.name), "")
		}
	}
	return s.w.Flush()
}

type shower struct {
	w *bufio.Writer
	// dash: the next line begins an entry of a list; entries: the depth of lists that it is in.
	dash    bool
	entries int
}

// value writes a value behind its key or dash. Where the tree says nothing, the value came from where its surroundings did.
func (s *shower) value(head string, indent int, v reflect.Value, n *node, from string) {
	if n != nil && n.kind != null {
		from = shownOrigin(n.from)
	} else if from == "" {
		from = "default"
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		s.value(head, indent, v.Elem(), n, from)
	case reflect.Struct:
		s.fields(head, indent, v, n)
	case reflect.Slice:
		if v.Len() == 0 {
			s.line(head, indent, "[]", from)
			return
		}
		s.head(head, indent)
		s.entries++
		items := n.elements()
		for i := range v.Len() {
			var item *node
			if i < len(items) {
				item = items[i]
			}
			s.value("-", indent+1, v.Index(i), item, from)
		}
		s.entries--
	case reflect.Map:
		if v.Len() == 0 {
			s.line(head, indent, "{}", from)
			return
		}
		s.head(head, indent)
		for _, p := range n.pairs { // a map has no default
			s.line(yamlText(p.key)+":", indent+1, yamlText(p.value.text), shownOrigin(p.value.from))
		}
	default:
		s.line(head, indent, shownScalar(v), from)
	}
}

// fields writes a section. An entry of a list shows what was said alone.
func (s *shower) fields(head string, indent int, v reflect.Value, n *node) {
	empty := true
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Tag.Get("yaml"), v.Field(i)
		if name == "-" || f.Kind() == reflect.Pointer && f.IsNil() || s.entries > 0 && f.IsZero() && n.get(name) == nil {
			continue
		}
		if empty {
			s.head(head, indent)
			empty = false
		}
		s.value(name+":", indent+1, f, n.get(name), "")
	}
	if empty {
		s.line(head, indent, "{}", shownOrigin(n.from))
	}
}

// head writes the line above a section or list. That of an entry is the dash before its first key.
func (s *shower) head(head string, indent int) {
	if head == "-" {
		s.dash = true
		return
	}
	s.line(head, indent, "", "")
}

func (s *shower) line(head string, indent int, value, from string) {
	line := strings.Repeat("  ", indent) + head
	if s.dash {
		line = strings.Repeat("  ", indent-1) + "- " + head
		s.dash = false
	}
	if value != "" {
		line += " " + value
	}
	if from != "" {
		line += strings.Repeat(" ", max(52-utf8.RuneCountInString(line), 1)) + "# " + from
	}
	fmt.Fprintln(s.w, line)
}

func shownOrigin(o origin) string {
	text := o.option
	if o.option == "" {
		text = fmt.Sprintf("%s:%d", o.file, o.line)
	}
	if o.env {
		text += ", with the environment"
	}
	return strings.ReplaceAll(text, "\n", " ")
}

func shownScalar(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	case reflect.Int64:
		if v.Type() == reflect.TypeFor[time.Duration]() {
			return formatDuration(time.Duration(v.Int()))
		}
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Int:
		return strconv.FormatInt(v.Int(), 10)
	}
	return yamlText(v.String())
}

// plainText needs no quotes in YAML, whatever reads it.
var plainText = regexp.MustCompile(`^[A-Za-z/_][A-Za-z0-9/_.-]*$`)

func yamlText(s string) string {
	if _, truth := parseBool(s); truth || strings.EqualFold(s, "null") || !plainText.MatchString(s) {
		return strconv.Quote(s)
	}
	return s
}
