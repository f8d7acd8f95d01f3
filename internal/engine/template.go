package engine

import (
	"regexp"
	"strings"

	"github.com/saker-sensor/saker/internal/field"
)

var (
	// templatePart finds %field, %12field and the head of %transformer(.
	templatePart = regexp.MustCompile(`%[0-9]*([a-zA-Z][a-zA-Z0-9_.]*)(\[[^\]]*\])?(\()?`)
	fieldPart    = regexp.MustCompile(`([a-zA-Z]\w*(?:\.\w+)+)(\[[^\]]*\])?`)
)

// templateFields finds the fields that an output template prints. It is no check: what is no field is passed over.
func templateFields(template string, dict *field.Dictionary) []field.Ref {
	var refs []field.Ref
	add := func(name, arg string) {
		if ref, ok := longestField(name, arg, dict); ok {
			refs = append(refs, ref)
		}
	}
	for _, m := range templatePart.FindAllStringSubmatchIndex(template, -1) {
		name := template[m[2]:m[3]]
		if m[6] < 0 {
			arg := ""
			if m[4] >= 0 {
				arg = template[m[4]:m[5]]
			}
			add(name, arg)
			continue
		}
		for _, f := range fieldPart.FindAllStringSubmatch(closed(template[m[7]:]), -1) {
			add(f[1], f[2])
		}
	}
	return refs
}

// closed is the text up to the parenthesis that closes the one before it.
func closed(s string) string {
	depth := 1
	for i, c := range s {
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return s[:i]
			}
		}
	}
	return s
}

// longestField looks a name up, cut byte by byte until it is one: text may stand right behind a field.
func longestField(name, arg string, dict *field.Dictionary) (field.Ref, bool) {
	if arg != "" {
		if ref, err := dict.Lookup(name, strings.Trim(arg[1:len(arg)-1], `"'`), true); err == nil {
			return ref, true
		}
	}
	for ; name != ""; name = name[:len(name)-1] {
		if ref, err := dict.Lookup(name, "", false); err == nil {
			return ref, true
		}
	}
	return field.Ref{}, false
}
