package render

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

func TestAppend(t *testing.T) {
	opt := Options{JSON: true, IncludeOutputFields: true, IncludeMessage: true, Append: []Append{
		{Output: "pid=%proc.pid"},
		{Rule: "other", Output: "never"},
		{Source: "k8s_audit", Output: "never"},
		{Tags: []string{"a", "b"}, Output: "tagged", Fields: []AppendField{{Key: "proc.vpid"}, {Key: "proc.aname[1]"},
			{Key: "who", Text: "%proc.name/%proc.pname"}}},
		{Tags: []string{"a", "c"}, Output: "never"},
		{Fields: []AppendField{{Key: "proc.name", Text: "mine"}}},
	}}
	rule := Rule{Name: "r", Output: "x %proc.name", Priority: "Notice", Source: SourceSyscall, Tags: []string{"a", "b"}}
	a, err := NewAlert(rule, field.Syscall(), opt)
	if err != nil {
		t.Fatal(err)
	}
	ev := &event.Event{Num: 1, Type: event.TypeExecve, Tgid: 7, Vpid: 3, Process: &event.Process{Comm: "sh", Vpid: 3}}
	var got struct {
		Message string
		Fields  map[string]any `json:"output_fields"`
	}
	if err := json.Unmarshal(a.Append(nil, ev), &got); err != nil {
		t.Fatal(err)
	}
	if want := "x sh pid=7 tagged"; got.Message != want {
		t.Errorf("message %q, want %q", got.Message, want)
	}
	delete(got.Fields, "evt.time")
	want := map[string]any{"proc.name": "mine", "proc.pid": 7.0, "proc.vpid": 3.0, "proc.aname[1]": nil, "who": "sh/<NA>"}
	if diff := cmp.Diff(want, got.Fields); diff != "" {
		t.Errorf("output_fields (-want +got):\n%s", diff)
	}

	for name, bad := range map[string]Append{
		"a field in the text": {Output: "%proc.nope"},
		"a field's name":      {Fields: []AppendField{{Key: "proc.nope"}}},
		"a field's text":      {Fields: []AppendField{{Key: "x", Text: "%proc.nope"}}},
	} {
		if _, err := NewAlert(rule, field.Syscall(), Options{Append: []Append{bad}}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
