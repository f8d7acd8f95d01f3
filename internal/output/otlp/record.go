package otlp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	logs "go.opentelemetry.io/proto/slim/otlp/logs/v1"

	"github.com/saker-sensor/saker/internal/output"
)

// Attributes of a record, besides the alert's fields under their own names.
const (
	attributeID     = "log.record.uid" // OpenTelemetry's name; records with the same one are the same
	attributeRule   = "rule"
	attributeSource = "source"
	attributeTags   = "tags"
)

// newRecord makes a log record of an alert's JSON.
func newRecord(m output.Message) (*logs.LogRecord, error) {
	var a struct {
		Output, Priority, Rule, Source string
		Fields                         map[string]any `json:"output_fields"`
		Tags                           []any
		Time                           time.Time
	}
	d := json.NewDecoder(bytes.NewReader(m.Text))
	d.UseNumber()
	if err := d.Decode(&a); err != nil {
		return nil, fmt.Errorf("read an alert's JSON: %w", err)
	}
	r := &logs.LogRecord{
		TimeUnixNano: uint64(a.Time.UnixNano()), ObservedTimeUnixNano: uint64(a.Time.UnixNano()),
		SeverityText: a.Priority, SeverityNumber: severity(a.Priority), Body: textValue(a.Output),
		Attributes: []*common.KeyValue{attribute(attributeID, m.ID), attribute(attributeRule, a.Rule), attribute(attributeSource, a.Source)},
	}
	if len(a.Tags) > 0 {
		r.Attributes = append(r.Attributes, &common.KeyValue{Key: attributeTags, Value: anyValue(a.Tags)})
	}
	for _, name := range slices.Sorted(maps.Keys(a.Fields)) {
		if v := anyValue(a.Fields[name]); v != nil {
			r.Attributes = append(r.Attributes, &common.KeyValue{Key: name, Value: v})
		}
	}
	return r, nil
}

// severity is OpenTelemetry's number of a syslog severity (logs data model, appendix B).
func severity(priority string) logs.SeverityNumber {
	switch strings.ToLower(priority) {
	case "emergency":
		return logs.SeverityNumber_SEVERITY_NUMBER_FATAL
	case "alert":
		return logs.SeverityNumber_SEVERITY_NUMBER_ERROR3
	case "critical":
		return logs.SeverityNumber_SEVERITY_NUMBER_ERROR2
	case "error":
		return logs.SeverityNumber_SEVERITY_NUMBER_ERROR
	case "warning":
		return logs.SeverityNumber_SEVERITY_NUMBER_WARN
	case "notice":
		return logs.SeverityNumber_SEVERITY_NUMBER_INFO2
	case "informational":
		return logs.SeverityNumber_SEVERITY_NUMBER_INFO
	case "debug":
		return logs.SeverityNumber_SEVERITY_NUMBER_DEBUG
	}
	return logs.SeverityNumber_SEVERITY_NUMBER_UNSPECIFIED
}

func attribute(key, text string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: textValue(text)}
}

// textValue has valid UTF-8 only, as protobuf asks for.
func textValue(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: strings.ToValidUTF8(s, "\uFFFD")}}
}

// anyValue is nil for null.
func anyValue(v any) *common.AnyValue {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return textValue(v)
	case bool:
		return &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: v}}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: n}}
		}
		if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") {
			return &common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: f}}
		}
		return textValue(v.String()) // larger than the type that OTLP has
	case []any:
		list := &common.ArrayValue{}
		for _, item := range v {
			if i := anyValue(item); i != nil {
				list.Values = append(list.Values, i)
			}
		}
		return &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: list}}
	}
	return textValue(fmt.Sprint(v))
}
