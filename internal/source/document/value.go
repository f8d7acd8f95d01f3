// Package document has what sources of JSON documents share: how a value becomes a field's, events of documents, and the fields of any
// document.
package document

import (
	"unsafe"

	"github.com/valyala/fastjson"

	"github.com/saker-sensor/saker/internal/field"
)

// SetText sets v to the text of a value, or to its JSON if it is no text. It returns false for nil.
func SetText(v *field.Value, from *fastjson.Value) bool {
	if from == nil {
		return false
	}
	v.Str = Text(from)
	return true
}

// Text is the text of a value, or its JSON if it is no text. It is valid as long as the document.
func Text(from *fastjson.Value) string {
	if from.Type() == fastjson.TypeString {
		return String(from)
	}
	return alias(from.MarshalTo(nil))
}

// String is the text of a value; empty for one that is no text, and for nil.
func String(from *fastjson.Value, keys ...string) string { return alias(from.GetStringBytes(keys...)) }

func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// SetTexts sets v's list. It returns false for an empty one: a list without anything counts as missing.
func SetTexts(v *field.Value, texts ...string) bool {
	v.List = v.List[:0]
	for _, s := range texts {
		v.List = append(v.List, field.Value{Str: s})
	}
	return len(texts) > 0
}
