package rules

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/containerd/containerd/v2/pkg/cap"

	"github.com/saker-sensor/saker/internal/testutil"
)

// TestPublishedRules: each rule fires on what it is about, and not on what is nearly that.
func TestPublishedRules(t *testing.T) {
	var files []string
	for _, name := range []string{"falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"} {
		files = append(files, testutil.Shared(t, "upstream-rules/"+name))
	}
	trials := slices.Concat(tables...)
	checkComplete(t, files, trials)
	try(t, files, trials)
}

// try carries out all trials under one sensor, then looks at each in a subtest.
func try(t *testing.T, files []string, trials []trial) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: the sensor loads BPF programs")
	}
	have, err := cap.Current()
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t, files)
	for i, tt := range trials {
		s.run(t, tag(i, "fire"), tt.fire)
		s.run(t, tag(i, "miss"), tt.miss)
	}
	s.collect(t, func() (missing int) {
		for i, tt := range trials {
			if len(s.of(tt.fire.tagOr(tag(i, "fire")), tt.rule)) == 0 {
				missing++
			}
		}
		return missing
	})
	for i, tt := range trials {
		t.Run(tt.rule, func(t *testing.T) {
			if need := needed[tt.rule]; need != "" && !slices.Contains(have, need) {
				t.Skipf("root lacks %s here", need)
			}
			if misses := s.of(tt.miss.tagOr(tag(i, "miss")), tt.rule); len(misses) > 0 {
				t.Errorf("%q fires it: %v", tt.miss.script, misses[0].OutputFields)
			}
			s.check(t, tag(i, "fire"), tt)
		})
	}
}

func tag(trial int, word string) string { return fmt.Sprintf("%d-%s", trial, word) }

func (a attempt) tagOr(own string) string {
	if a.tag != "" {
		return a.tag
	}
	return own
}

// check looks for an alert of the rule that has all the expected fields.
func (s *stage) check(t *testing.T, tag string, tt trial) {
	t.Helper()
	alerts := s.of(tt.fire.tagOr(tag), tt.rule)
	for _, a := range alerts {
		fits := true
		for name, want := range tt.want {
			fits = fits && like(a.Field(name), want)
		}
		if fits {
			return
		}
	}
	t.Errorf("%q does not fire it with %v; %s", tt.fire.script, tt.want, s.outcome[tag])
	for _, a := range alerts {
		t.Logf("an alert has %v", a.OutputFields)
	}
	for _, a := range s.alerts[tt.fire.tagOr(tag)] {
		t.Logf("%s: %s", a.Rule, a.Output)
	}
}

var ruleLine = regexp.MustCompile(`(?m)^- rule: *(.+?) *$`)

// checkComplete: every rule of the files has a trial or a reason why it has none.
func checkComplete(t *testing.T, files []string, trials []trial) {
	t.Helper()
	known := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range ruleLine.FindAllStringSubmatch(string(text), -1) {
			known[m[1]] = true
		}
	}
	told := map[string]bool{}
	for _, tt := range trials {
		told[tt.rule] = true
	}
	for name := range unreachable {
		if told[name] {
			t.Errorf("%s is tried and said to be out of reach", name)
		}
		told[name] = true
	}
	for name := range known {
		if !told[name] {
			t.Errorf("no trial of the rule %q", name)
		}
	}
	for name := range told {
		if !known[name] {
			t.Errorf("no published rule is named %q", name)
		}
	}
	t.Logf("%d rules, %d of them out of reach", len(known), len(unreachable))
}
