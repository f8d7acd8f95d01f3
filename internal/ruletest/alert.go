package ruletest

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/output/render"
)

// Alert is one that a test caused.
type Alert struct {
	Rule     string `json:"rule"`
	Priority string `json:"priority"`
	// Event is the event's number. Output is the text without time and priority.
	Event  uint64            `json:"event"`
	Output string            `json:"output"`
	Fields map[string]string `json:"fields"`
}

// Text is the alert on a line, as a terminal may show it.
func (a *Alert) Text() string {
	return fmt.Sprintf("event %d: %s: %s %s", a.Event, a.Rule, a.Priority, field.AppendEscaped(nil, a.Output))
}

// fields finds, by rule, the fields that are asked for and that an output may lack.
func (w *wants) fields(dict *field.Dictionary) (map[string][]field.Ref, error) {
	byRule := map[string][]field.Ref{}
	for _, want := range w.alerts {
		for _, f := range want.fields {
			name, arg, hasArg := cutArg(f.name)
			ref, err := dict.Lookup(name, arg, hasArg)
			if err != nil {
				continue // perhaps a key that append_output adds; the alert tells
			}
			byRule[want.rule] = append(byRule[want.rule], ref)
		}
	}
	return byRule, nil
}

// newAlert renders an alert as outputs get it, and adds the wanted fields that it does not show.
func newAlert(a *render.Alert, ev *event.Event, wanted []field.Ref) (Alert, error) {
	var shown struct {
		Rule, Priority, Message string
		Fields                  map[string]any `json:"output_fields"`
	}
	dec := json.NewDecoder(bytes.NewReader(a.Append(nil, ev)))
	dec.UseNumber()
	if err := dec.Decode(&shown); err != nil {
		return Alert{}, fmt.Errorf("read the alert of event %d: %w", ev.Num, err)
	}
	out := Alert{Rule: shown.Rule, Priority: shown.Priority, Event: ev.Num, Output: shown.Message, Fields: map[string]string{}}
	for key, v := range shown.Fields {
		switch v := v.(type) {
		case nil:
			out.Fields[key] = missing
		case string, json.Number, bool:
			out.Fields[key] = fmt.Sprint(v)
		default:
			text, err := json.Marshal(v)
			if err != nil {
				return Alert{}, fmt.Errorf("read the field %s of event %d: %w", key, ev.Num, err)
			}
			out.Fields[key] = string(text)
		}
	}
	for i := range wanted {
		ref := &wanted[i]
		if _, ok := out.Fields[ref.String()]; ok {
			continue
		}
		var v field.Value
		ok := ref.GetPrint(ev, &v)
		out.Fields[ref.String()] = string(ref.AppendText(nil, &v, ok))
	}
	return out, nil
}
