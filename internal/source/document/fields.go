package document

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// Fields are those of any JSON document, those of Falco's plugin json, under both of their names.
func Fields() []field.Info {
	var all []field.Info
	for _, class := range []string{"json", "jevt"} {
		all = append(all,
			field.Info{
				Name: class + ".value", Class: class, Cost: 2, Arg: field.ArgRequired, Bind: pointer,
				Doc: "Value of the document that a JSON pointer (RFC 6901) names: [/user/name].",
			},
			field.Info{
				Name: class + ".obj", Class: class, Cost: 2, Doc: "The whole document, with line breaks and indented.",
				Extract: func(ev *event.Event, _ field.Arg, v *field.Value) bool {
					var out bytes.Buffer
					if json.Indent(&out, ev.Document.MarshalTo(nil), "", "  ") != nil {
						return false
					}
					v.Str = out.String()
					return true
				},
			},
			field.Info{
				Name: class + ".rawtime", Class: class, Cost: 1, Doc: "Time of the event in ns since the epoch.",
				Extract: func(ev *event.Event, _ field.Arg, v *field.Value) bool {
					v.Str = strconv.FormatInt(ev.Time, 10)
					return true
				},
			},
		)
	}
	return all
}

// pointer finds what a JSON pointer names. The whole document is always shown as JSON.
func pointer(a field.Arg) func(*event.Event, *field.Value) bool {
	if a.Text == "" {
		return func(ev *event.Event, v *field.Value) bool {
			v.Str = alias(ev.Document.MarshalTo(nil))
			return true
		}
	}
	keys := strings.Split(strings.TrimPrefix(a.Text, "/"), "/")
	for i, k := range keys {
		keys[i] = strings.ReplaceAll(strings.ReplaceAll(k, "~1", "/"), "~0", "~")
	}
	return func(ev *event.Event, v *field.Value) bool { return SetText(v, ev.Document.Get(keys...)) }
}
