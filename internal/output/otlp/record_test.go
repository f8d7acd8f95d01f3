package otlp

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	logs "go.opentelemetry.io/proto/slim/otlp/logs/v1"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/saker-sensor/saker/internal/output"
)

func TestRecord(t *testing.T) {
	got, err := newRecord(output.Message{ID: "run-1",
		Text: []byte(`{"hostname":"h","output":"cut \udc00","output_fields":{"b":true,"a":"x","n":-7,"u":18446744073709551615,"f":1.5,` +
			`"none":null,"list":["y",1,null]},"priority":"Critical","rule":"R","source":"syscall",` +
			`"tags":["t1","t2"],"time":"2026-07-14T03:33:20.000000001Z"}`)})
	if err != nil {
		t.Fatal(err)
	}
	number := func(n int64) *common.AnyValue { return &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: n}} }
	list := func(values ...*common.AnyValue) *common.AnyValue {
		return &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: &common.ArrayValue{Values: values}}}
	}
	want := &logs.LogRecord{
		TimeUnixNano: 1783999999999999999 + 2, ObservedTimeUnixNano: 1783999999999999999 + 2,
		SeverityText: "Critical", SeverityNumber: logs.SeverityNumber_SEVERITY_NUMBER_ERROR2, Body: textValue("cut \uFFFD"),
		Attributes: []*common.KeyValue{
			attribute("log.record.uid", "run-1"), attribute("rule", "R"), attribute("source", "syscall"),
			{Key: "tags", Value: list(textValue("t1"), textValue("t2"))},
			attribute("a", "x"), {Key: "b", Value: &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: true}}},
			{Key: "f", Value: &common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: 1.5}}},
			{Key: "list", Value: list(textValue("y"), number(1))}, {Key: "n", Value: number(-7)}, attribute("u", "18446744073709551615"),
		},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := newRecord(output.Message{Text: []byte("10:00: text")}); err == nil {
		t.Error("a text is taken for JSON")
	}
}

func TestSeverities(t *testing.T) {
	last := logs.SeverityNumber(25)
	for _, word := range []string{"Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"} {
		n := severity(word)
		if n >= last || n == 0 {
			t.Errorf("%s is %v, after %v", word, n, last)
		}
		last = n
	}
}
