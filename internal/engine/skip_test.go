package engine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/engine/rulefile"
)

// skip-if-unknown-filter skips what Falco calls nonexistent: names, event types, and some wrong arguments.
func TestSkipUnknown(t *testing.T) {
	const file = "- rule: a\n  desc: d\n  priority: INFO\n  skip-if-unknown-filter: %v\n  condition: evt.type = open and %s\n  output: %q\n"
	for _, tt := range []struct {
		condition, output string
		skipped           bool
	}{
		{"no.such = a", "x", true},
		{"evt.type = nosuch", "x", true},
		{"proc.aname[x] = a", "x", true},
		{`proc.aname[""] = a`, "x", true},
		{"proc.name[1] = a", "x", true},
		{"evt.arg.flagsx = a", "x", true},
		{"evt.abspath.nonsense = a", "x", true},
		{"tolower(proc.aexe[x]) = a", "x", true},
		{"proc.name = val(proc.args[x])", "x", true},
		{"proc.name = a", "%no.such", true},
		{"evt.arg = a", "x", false},
		{"evt.arg[x] = a", "x", false},
		{"evt.arg.nonsense = a", "x", false},
		{"evt.rawarg[1] = 1", "x", false},
		{"fd.types[x] in (a)", "x", false},
		{"proc.pid = x", "x", false},
		{"proc.pid contains 1", "x", false},
	} {
		t.Run(tt.condition+" "+tt.output, func(t *testing.T) {
			src := func(skip bool) []rulefile.Source {
				return []rulefile.Source{{Name: "rules.yaml", Content: fmt.Appendf(nil, file, skip, tt.condition, tt.output)}}
			}
			if _, results := Load(src(false), testOptions()); results.Successful() {
				t.Error("it loads without skip-if-unknown-filter")
			}
			rs, results := Load(src(true), testOptions())
			if results.Successful() != tt.skipped {
				t.Fatalf("successful = %v, want %v\n%s", results.Successful(), tt.skipped, results.Text(true))
			}
			if !tt.skipped {
				return
			}
			if n := len(rs.Rules()); n != 0 || !strings.Contains(results.Text(true), string(rulefile.WarnUnknownFilter)) {
				t.Errorf("%d rules, want none and a warning\n%s", n, results.Text(true))
			}
		})
	}
	_, results := Load([]rulefile.Source{{Name: "r", Content: fmt.Appendf(nil, file, false, "proc.aname[x] = a", "x")}}, testOptions())
	p := results.Files[0].Errors[0]
	if p.Message != "filter_check called with nonexistent field proc.aname[x]" || !strings.Contains(p.Hint, "is no number") {
		t.Errorf("message %q, hint %q", p.Message, p.Hint)
	}
}
