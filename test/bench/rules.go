package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// Names of the sets of rules, as in the tables.
const (
	defaultRules   = "default rules"
	execRule       = "one exec rule"
	publishedRules = "falco_rules.yaml"
	allRules       = "all published rules"
)

// published is where the published rules are, if they are there; they are not part of this repository.
const published = "../shared/upstream-rules/falco_rules.yaml"

// ruleset is what a sensor is started with.
type ruleset struct {
	name  string
	flags []string
}

// rulesets are those that are compared. The published rules are left out where they are not at hand.
func (b *bench) rulesets() ([]ruleset, error) {
	one := b.file("exec.yaml")
	text := "- rule: Bench\n  desc: an exec that does not happen\n  condition: spawned_process and proc.name = no-such-program\n  output: " +
		"n=%proc.name\n  priority: NOTICE\n"
	if err := os.WriteFile(one, []byte(text), 0o600); err != nil {
		return nil, err
	}
	sets := []ruleset{{name: defaultRules}, {name: execRule, flags: []string{"-r", one}}}
	if _, err := os.Stat(published); err != nil {
		progress("%s is not here: left out", published)
		return sets, nil
	}
	all := []string{"-r", published}
	for _, name := range []string{"falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"} {
		all = append(all, "-r", filepath.Join(filepath.Dir(published), name))
	}
	return append(sets, ruleset{name: publishedRules, flags: []string{"-r", published}}, ruleset{name: allRules, flags: all}), nil
}

// heaviest is the set to profile with: the published rules where they are at hand.
func (b *bench) heaviest() (ruleset, error) {
	sets, err := b.rulesets()
	if err != nil {
		return ruleset{}, fmt.Errorf("write the rules: %w", err)
	}
	if last := sets[len(sets)-1]; last.name == allRules {
		return last, nil
	}
	return sets[0], nil
}
