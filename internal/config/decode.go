package config

import (
	"reflect"
	"strings"
	"time"
)

// decode sets a value from a tree that was checked. What the tree does not say stays.
func decode(n *node, v reflect.Value) {
	if n == nil || n.kind == null {
		return
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		if d, ok := parseDuration(n.text); ok {
			v.SetInt(int64(d))
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if tag := v.Type().Field(i).Tag.Get("yaml"); tag != "-" {
				decode(n.get(tag), v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		decode(n, v.Elem())
	case reflect.Slice:
		if n.empty() {
			return
		}
		items := n.elements()
		v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
		for i, item := range items {
			decode(item, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, p := range n.pairs {
			v.SetMapIndex(reflect.ValueOf(p.key), reflect.ValueOf(p.value.text))
		}
	case reflect.Interface:
		if n.kind == scalar {
			v.Set(reflect.ValueOf(n.text))
			return
		}
		m := map[string]any{}
		for _, p := range n.pairs {
			m[p.key] = p.value.text
		}
		v.Set(reflect.ValueOf(m))
	case reflect.String:
		v.SetString(n.text)
	case reflect.Bool:
		if b, ok := parseBool(n.text); ok {
			v.SetBool(b)
		}
	case reflect.Int:
		if i, ok := parseInt(n.text); ok {
			v.SetInt(i)
		}
	case reflect.Float64:
		if f, ok := parseFloat(n.text); ok {
			v.SetFloat(f)
		}
	}
}

// fieldOf is the part of a configuration that a key sets; it is not valid if there is none.
func fieldOf(cfg *Config, name string) reflect.Value {
	v := reflect.ValueOf(cfg).Elem()
	for _, part := range strings.Split(name, ".") {
		if v = fieldByTag(v, part); !v.IsValid() {
			break
		}
	}
	return v
}

func fieldByTag(v reflect.Value, tag string) reflect.Value {
	if v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") == tag {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}
