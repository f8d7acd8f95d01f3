package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Reference is the list of all keys in Markdown, for docs/config.md.
func Reference() string {
	var b strings.Builder
	standard := Default()
	b.WriteString("| key | holds | default | |\n|---|---|---|---|\n")
	for _, k := range newTable().keys {
		doc := k.doc
		switch k.effect {
		case notYet:
			doc += ". **No effect yet**: " + k.why
		case inapplicable:
			doc += ". *Does not apply*: " + k.why
		}
		value := ""
		if f := fieldOf(&standard, k.name); f.IsValid() {
			value = defaultText(f)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.name, k.typ, value, doc)
	}
	return b.String()
}

func defaultText(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Struct, reflect.Map:
		return ""
	case reflect.Slice:
		var items []string
		for i := range v.Len() {
			if e := v.Index(i); e.Kind() == reflect.String {
				items = append(items, "`"+e.String()+"`")
			} else {
				items = append(items, "`suggested_output: true`")
			}
		}
		return strings.Join(items, ", ")
	case reflect.String:
		if v.Len() == 0 {
			return ""
		}
		return "`" + v.String() + "`"
	}
	return "`" + shownScalar(v) + "`"
}
