package setup

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
)

// TestBlindRules: every type is captured today; the test takes one for not captured.
func TestBlindRules(t *testing.T) {
	const not = "connect"
	var text strings.Builder
	add := func(name, condition string, enabled bool) {
		fmt.Fprintf(&text, "- rule: %s\n  desc: d\n  condition: %s\n  output: o\n  priority: INFO\n  enabled: %v\n", name, condition, enabled)
	}
	add("Sees", "evt.type = openat and proc.name = x", true)
	add("Blind", "evt.type = "+not+" and proc.name = x", true)
	add("Partly", "evt.type in (openat, "+not+") and proc.name = x", true)
	add("Disabled", "evt.type = "+not, false)
	add("Any", "proc.name = x", true)
	add("Contradicts itself", "evt.type = openat and evt.type = execve", true)
	rules, results := Load(config.Default(), []rulefile.Source{{Name: "test.yaml", Content: []byte(text.String())}})
	if !results.Successful() {
		t.Fatal(RulesError(&results))
	}
	got := findBlindRules(rules, func(typ event.Type) bool { return typ.String() != not })
	want := BlindRules{Never: []string{"Blind"}, Partly: []string{"Partly"}, Enabled: 5}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	line := "1 of 5 enabled rules can never fire, as none of their event types is captured: Blind; " +
		"1 of 5 fire for some of their event types only: Partly (see sensor --ignored)"
	if got.Text() != line {
		t.Errorf("it says %q", got.Text())
	}
	if none := (&BlindRules{Enabled: 3}).Text(); none != "" {
		t.Errorf("no rule lacks events, and it says %q", none)
	}
	if got := FirstNames([]string{"a", "b", "c", "d", "e", "f", "g"}); got != "a, b, c, d, e and 2 more" {
		t.Errorf("names: %q", got)
	}
}
