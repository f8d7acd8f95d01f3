package engine_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/inspect"
)

func TestDescribe(t *testing.T) {
	rs := engine.MustLoad(t, `
- required_engine_version: 0.11.0
- list: cat_binaries
  items: [cat]
- list: cat_capable_binaries
  items: [cat_binaries]
- macro: is_cat
  condition: proc.name in (cat_capable_binaries)
- rule: open_from_cat
  desc: A process named cat does an open
  condition: evt.type=open and is_cat
  output: "An open was seen (command=%proc.cmdline image=%container.image.repository)"
  priority: WARNING
  exceptions:
    - name: e
      fields: [fd.name]
      values: [[/a], [/b]]
`)
	raw, ok, err := inspect.DescribeJSON(rs, "open_from_cat")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	want := `{"rules":[{"details":{"condition_compiled":"((evt.type = open and proc.name in (cat)) and not (fd.name = /a or fd.name = /b))",` +
		`"condition_fields":["evt.type","fd.name","proc.name"],"condition_operators":["=","in"],"events":["open"],` +
		`"exception_fields":["fd.name"],"exception_names":["e"],"exception_operators":["="],"lists":[],"macros":["is_cat"],` +
		`"output_compiled":"An open was seen (command=%proc.cmdline image=%container.image.repository)",` +
		`"output_fields":["container.image.repository","proc.cmdline"],"plugins":["container"]},` +
		`"info":{"capture":false,"capture_duration":0,"condition":"evt.type=open and is_cat","description":"A process named cat does an open",` +
		`"enabled":true,"name":"open_from_cat","output":"An open was seen (command=%proc.cmdline image=%container.image.repository)",` +
		`"priority":"Warning","source":"syscall","tags":[]}}]}`
	if diff := cmp.Diff(want, string(raw)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	all, _, err := inspect.DescribeJSON(rs, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`"lists":[{"details":{"items_compiled":["cat"],"lists":[],"plugins":[],"used":true},"info":{"items":["cat"],"name":"cat_binaries"}},` +
			`{"details":{"items_compiled":["cat"],"lists":["cat_binaries"],"plugins":[],"used":true},` +
			`"info":{"items":[],"name":"cat_capable_binaries"}}]`,
		`"condition_compiled":"proc.name in (cat)"`, `"required_engine_version":"0.11.0"`, `"required_plugin_versions":[]`,
	} {
		if !strings.Contains(string(all), part) {
			t.Errorf("the description lacks %s:\n%s", part, all)
		}
	}
	text, ok := inspect.DescribeText(rs, "")
	wantText := "Rule                                               Description\n" +
		"----                                               -----------\n" +
		"open_from_cat                                      A process named cat does an open\n"
	if diff := cmp.Diff(wantText, text); diff != "" || !ok {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	if _, ok := inspect.DescribeText(rs, "nope"); ok {
		t.Error("a rule that is not there was described")
	}
	if _, ok, _ := inspect.DescribeJSON(rs, "nope"); ok {
		t.Error("a rule that is not there was described")
	}
}
