package stream

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/saker-sensor/saker/internal/output/falcopb/outputs"
	"github.com/saker-sensor/saker/internal/output/falcopb/schema"
	"github.com/saker-sensor/saker/internal/output/falcopb/version"
)

func TestParse(t *testing.T) {
	tests := map[string]struct {
		text string
		want *outputs.Response
	}{
		"a rule's": {
			`{"hostname":"node-1","output":"12:00:00.000000001: Notice a ` +
				`\"b\"","output_fields":{"a.text":"1\n<>","b.number":34816,"c.none":null,"d.bool":true,` +
				`"e.list":["x",2],"evt.time":1784000000000000001},` +
				`"priority":"Notice","rule":"R","source":"syscall","tags":["a","b"],"time":"2026-07-14T03:33:20.000000001Z"}`,
			&outputs.Response{
				Time: timestamppb.New(time.Unix(1784000000, 1)), Priority: schema.Priority_NOTICE, Rule: "R",
				Output: "12:00:00.000000001: Notice a \"b\"",
				OutputFields: map[string]string{"a.text": "1\n<>", "b.number": "34816", "c.none": "<NA>", "d.bool": "true", "e.list": `["x",2]`,
					"evt.time": "1784000000000000001"},
				Hostname: "node-1", Tags: []string{"a", "b"}, Source: "syscall",
			},
		},
		"the sensor's own": {
			`{"hostname":"n","output":"lost","output_fields":{"n":"1"},"priority":"Debug","rule":"R",` +
				`"source":"internal","time":"1970-01-01T00:00:00.000000000Z"}`,
			&outputs.Response{
				Time: timestamppb.New(time.Unix(0, 0)), Priority: schema.Priority_DEBUG, Rule: "R", Output: "lost",
				OutputFields: map[string]string{"n": "1"},
				Hostname:     "n", Source: "internal", SourceDeprecated: schema.Source_INTERNAL,
			},
		},
		"bad UTF-8": {
			"{\"output\":\"a\xff\",\"output_fields\":{\"f\":\"\xff\"},\"priority\":\"Emergency\",\"time\":\"1970-01-01T00:00:00Z\"}",
			&outputs.Response{Time: timestamppb.New(time.Unix(0, 0)), Output: "a\uFFFD", OutputFields: map[string]string{"f": "\uFFFD"}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parse([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(got, tt.want) {
				t.Errorf("got  %v\nwant %v", got, tt.want)
			}
			if _, err := proto.Marshal(got); err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := parse([]byte("12:00: Notice text")); err == nil {
		t.Error("text is no JSON")
	}
}

// TestWire: numbers, types and names are those that Falco's clients have (docs/outputs/grpc.md).
func TestWire(t *testing.T) {
	text, err := proto.Marshal(&outputs.Response{
		Time: timestamppb.New(time.Unix(1, 2)), Priority: schema.Priority_DEBUG, SourceDeprecated: schema.Source_INTERNAL, Rule: "r", Output: "o",
		OutputFields: map[string]string{"k": "v"}, Hostname: "h", Tags: []string{"t"}, Source: "s", Cursor: 1, Run: "run", Missed: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[protowire.Number]string{
		1: "\x08\x01\x10\x02", 2: "\x07", 3: "\x02", 4: "r", 5: "o", 6: "\x0a\x01k\x12\x01v", 7: "h", 8: "t", 9: "s", 100: "\x01", 101: "run",
		102: "\x02",
	}
	got := 0
	for ; len(text) > 0; got++ {
		number, typ, n := protowire.ConsumeTag(text)
		text = text[n:]
		size := protowire.ConsumeFieldValue(number, typ, text)
		value := text[:size]
		if typ == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(text)
		}
		if string(value) != want[number] {
			t.Errorf("field %d: got %q, want %q", number, value, want[number])
		}
		text = text[size:]
	}
	if got != len(want) {
		t.Errorf("%d fields, want %d", got, len(want))
	}

	v, err := proto.Marshal(&version.Response{Version: "1", Major: 1, Minor: 2, Patch: 3, Prerelease: "p", Build: "b"})
	if want := "\x0a\x011\x10\x01\x18\x02\x20\x03\x2a\x01p\x32\x01b"; err != nil || string(v) != want {
		t.Errorf("version: got %q, want %q, %v", v, want, err)
	}
	for method, want := range map[string]string{
		outputs.Service_Sub_FullMethodName: "/falco.outputs.service/sub", outputs.Service_Get_FullMethodName: "/falco.outputs.service/get",
		version.Service_Version_FullMethodName: "/falco.version.service/version",
	} {
		if method != want {
			t.Errorf("method %s, want %s", method, want)
		}
	}
	for _, s := range outputs.Service_ServiceDesc.Streams {
		if !s.ServerStreams || s.ClientStreams != (s.StreamName == "sub") {
			t.Errorf("%+v", s)
		}
	}
}

func TestFilter(t *testing.T) {
	alert := &outputs.Response{Priority: schema.Priority_WARNING, Rule: "r", Source: "syscall", Tags: []string{"a", "b"}}
	tests := []struct {
		request *outputs.Request
		want    bool
	}{
		{&outputs.Request{}, true},
		{&outputs.Request{MinPriority: schema.Priority_WARNING.Enum()}, true},
		{&outputs.Request{MinPriority: schema.Priority_DEBUG.Enum()}, true},
		{&outputs.Request{MinPriority: schema.Priority_ERROR.Enum()}, false},
		{&outputs.Request{MinPriority: schema.Priority_EMERGENCY.Enum()}, false},
		{&outputs.Request{Rules: []string{"x", "r"}}, true},
		{&outputs.Request{Rules: []string{"x"}}, false},
		{&outputs.Request{Sources: []string{"internal"}}, false},
		{&outputs.Request{Sources: []string{"internal", "syscall"}}, true},
		{&outputs.Request{Tags: []string{"b"}}, true},
		{&outputs.Request{Tags: []string{"b", "c"}}, false},
		{&outputs.Request{Rules: []string{"r"}, Tags: []string{"c"}}, false},
	}
	for _, tt := range tests {
		f := newFilter(tt.request)
		if got := f.fits(alert); got != tt.want {
			t.Errorf("%v: got %v", tt.request, got)
		}
	}
}

func TestParseSemver(t *testing.T) {
	for text, want := range map[string]semver{
		"v1.2.3":            {major: 1, minor: 2, patch: 3},
		"0.1.0-rc.1+linux":  {minor: 1, prerelease: "rc.1", build: "linux"},
		"v0.1.0-3-gabcdef0": {minor: 1, prerelease: "3-gabcdef0"},
		"dev":               {},
		"1.2":               {},
		"1.-2.3":            {},
	} {
		if got := parseSemver(text); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

// The field numbers are those of Falco 0.43's version.proto; a client reads them by number.
func TestVersionOnTheWire(t *testing.T) {
	raw, err := proto.Marshal(newVersion("v1.2.3-rc+b", "4.63.5", "sum"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[protowire.Number]string{}
	for len(raw) > 0 {
		number, kind, n := protowire.ConsumeTag(raw)
		raw = raw[n:]
		if kind == protowire.VarintType {
			v, n := protowire.ConsumeVarint(raw)
			got[number], raw = fmt.Sprint(v), raw[n:]
		} else {
			v, n := protowire.ConsumeBytes(raw)
			got[number], raw = string(v), raw[n:]
		}
	}
	want := map[protowire.Number]string{
		1: "v1.2.3-rc+b", 2: "1", 3: "2", 4: "3", 5: "rc", 6: "b", 7: "63", 8: "sum", 9: "4", 10: "5", 11: "4.63.5",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, not %v", got, want)
	}
}
