package stream

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/saker-sensor/saker/internal/output/falcopb/outputs"
	"github.com/saker-sensor/saker/internal/output/falcopb/schema"
)

// sourceInternal is the source of alerts of the sensor about itself.
const sourceInternal = "internal"

// parse makes a response of an alert's JSON.
func parse(text []byte) (*outputs.Response, error) {
	var a struct {
		Hostname, Output, Priority, Rule, Source string
		Fields                                   map[string]json.RawMessage `json:"output_fields"`
		Tags                                     []string
		Time                                     time.Time
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, fmt.Errorf("read an alert's JSON: %w", err)
	}
	r := &outputs.Response{
		Time: timestamppb.New(a.Time), Priority: schema.Priority(schema.Priority_value[strings.ToUpper(a.Priority)]),
		SourceDeprecated: oldSource(a.Source), Source: a.Source, Rule: a.Rule, Output: a.Output, Hostname: a.Hostname, Tags: a.Tags,
		OutputFields: make(map[string]string, len(a.Fields)),
	}
	for name, value := range a.Fields {
		r.OutputFields[name] = fieldText(value)
	}
	return r, nil
}

func oldSource(source string) schema.Source {
	if source == sourceInternal {
		return schema.Source_INTERNAL
	}
	return schema.Source_SYSCALL
}

// fieldText is a value as Falco's service shows it: texts without quotes, what is missing as <NA>.
func fieldText(value json.RawMessage) string {
	var text string
	switch {
	case len(value) == 0 || string(value) == "null":
		return "<NA>"
	case json.Unmarshal(value, &text) == nil:
		return text
	}
	return string(value)
}

// missedAlert stands in the place of alerts that a consumer has missed. Its cursor is the last one's, so that a
// consumer goes on behind it.
func missedAlert(missed, cursor uint64, run, hostname string) *outputs.Response {
	n := strconv.FormatUint(missed, 10)
	return &outputs.Response{
		Time: timestamppb.Now(), Priority: schema.Priority_WARNING, SourceDeprecated: schema.Source_INTERNAL, Source: sourceInternal,
		Rule:         "Saker internal: consumer missed alerts",
		Output:       "Saker internal: consumer missed alerts. " + n + " alerts are not kept any more that this consumer has not read.",
		OutputFields: map[string]string{"n_missed": n},
		Hostname:     hostname, Cursor: cursor, Run: run, Missed: missed,
	}
}
