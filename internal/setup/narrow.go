package setup

import (
	"fmt"
	"strings"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/narrow"
	"github.com/saker-sensor/saker/internal/probe"
)

// Probe are what the rules ask of the kernel.
func Probe(cfg *config.Config, rules []narrow.Rule) (probe.Settings, error) {
	opens := narrow.Opens(rules)
	settings := probe.Settings{
		Types: narrow.Types(rules, cfg.BaseSyscalls.All), Opens: opens, EntryCopies: narrow.EntryCopies(rules, opens), BulkBytes: cfg.BulkBytes(),
		DataBytes: cfg.Libs.Snaplen,
	}
	hierarchy, err := cgroup.FindHierarchy(config.HostRoot())
	settings.CgroupController = hierarchy.Controller
	return settings, err
}

// Narrow is the one arrow from the rules back to the kernel.
func Narrow(cfg config.Config, set *engine.Ruleset) ([]narrow.Rule, error) {
	dict := Dictionary(cfg)
	var rules []narrow.Rule
	for _, r := range set.Rules() {
		if !r.Enabled {
			continue
		}
		may, err := r.Outline(dict)
		if err != nil {
			return nil, fmt.Errorf("narrow rule %q: %w", r.Name, err)
		}
		rules = append(rules, narrow.Rule{
			Name: r.Name, Types: r.Types, Fields: r.Reads(),
			May: func(like *event.Event, known narrow.Known) bool { return may(like, known) },
		})
	}
	return rules, nil
}

// WatchedNames are the complete file names that enabled rules compare an opened file's with, each once.
func WatchedNames(rules *engine.Ruleset) []string {
	return eachOnce(rules, func(r *engine.Rule) (names []string) {
		for _, name := range r.Literals("fd.name") {
			if strings.HasPrefix(name, "/") {
				names = append(names, name)
			}
		}
		return names
	})
}

// HostNames are the host names that enabled rules compare the ends of a connection with, each once.
func HostNames(rules *engine.Ruleset) []string {
	return eachOnce(rules, func(r *engine.Rule) (names []string) {
		for _, field := range [...]string{"fd.cip.name", "fd.sip.name", "fd.lip.name", "fd.rip.name"} {
			names = append(names, r.AllLiterals(field)...)
		}
		return names
	})
}

// eachOnce joins what the enabled rules have, without repetitions and without empty texts.
func eachOnce(rules *engine.Ruleset, of func(*engine.Rule) []string) []string {
	var all []string
	seen := map[string]bool{"": true}
	for _, r := range rules.Rules() {
		if !r.Enabled {
			continue
		}
		for _, name := range of(r) {
			if !seen[name] {
				seen[name] = true
				all = append(all, name)
			}
		}
	}
	return all
}
