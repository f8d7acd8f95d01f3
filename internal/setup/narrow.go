package setup

import (
	"fmt"
	"strings"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/narrow"
	"github.com/saker-sensor/saker/internal/probe"
)

// Probe are what the rules ask of the kernel.
func Probe(cfg *config.Config, n *Narrowing) (probe.Settings, error) {
	masks := n.masks
	settings := probe.Settings{
		Types: narrow.Types(n.Rules, cfg.BaseSyscalls.All), EntryCopies: narrow.EntryCopies(n.Rules, masks), BulkBytes: cfg.BulkBytes(),
		DataBytes: cfg.Libs.Snaplen,
	}
	if narrows(cfg) {
		settings.Masks = masks
	}
	hierarchy, err := cgroup.FindHierarchy(config.HostRoot())
	settings.CgroupController = hierarchy.Controller
	return settings, err
}

// narrows tells whether the kernel leaves out what no rule can match. A capture has it, too.
func narrows(cfg *config.Config) bool { return cfg.Narrow.Enabled && !cfg.Capture.Enabled }

// Narrowing is what the enabled rules are about.
type Narrowing struct {
	Rules []narrow.Rule
	// Judge says which rules may match the events of a process; nil if narrowing is off.
	Judge *engine.Judge
	masks *event.Masks
	// bits are the rules' own in masks.
	bits map[*engine.Rule]uint64
}

// Narrow is the one arrow from the rules back to the kernel.
func Narrow(cfg config.Config, set *engine.Ruleset) (*Narrowing, error) {
	dict := Dictionary(cfg)
	n := &Narrowing{bits: map[*engine.Rule]uint64{}}
	var enabled []*engine.Rule
	for _, r := range set.Rules() {
		if !r.Enabled {
			continue
		}
		may, err := r.Outline(dict)
		if err != nil {
			return nil, fmt.Errorf("narrow rule %q: %w", r.Name, err)
		}
		enabled = append(enabled, r)
		n.Rules = append(n.Rules, narrow.Rule{
			Name: r.Name, Types: r.Types, Fields: r.Reads(),
			May:   func(like *event.Event, known narrow.Known) bool { return may(like, known) },
			Names: namesOf(r),
		})
	}
	var bits []uint64
	n.masks, bits = narrow.NewMasks(n.Rules)
	for i, r := range enabled {
		n.bits[r] = bits[i]
	}
	if narrows(&cfg) {
		n.Judge = engine.NewJudge(enabled, bits)
	}
	return n, nil
}

// namesOf is what a rule needs of the names of files, by the type of the open.
func namesOf(r *engine.Rule) map[event.Type]narrow.Names {
	names := map[event.Type]narrow.Names{}
	for _, t := range event.AllTypes() {
		if event.IsOpen(t) {
			parts, any := r.NameParts(t)
			names[t] = narrow.Names{Any: any, Parts: nameParts(parts)}
		}
	}
	return names
}

// nameParts puts what the language of conditions says of names into the words of the kernel's side.
func nameParts(parts []filter.NamePart) []narrow.NamePart {
	kinds := [...]bpfgen.SensorNamePart{
		filter.NameWhole: bpfgen.SensorNamePartNAME_WHOLE, filter.NameDirectory: bpfgen.SensorNamePartNAME_DIRECTORY,
		filter.NameLast: bpfgen.SensorNamePartNAME_LAST, filter.NameComponent: bpfgen.SensorNamePartNAME_COMPONENT,
		filter.NameTail: bpfgen.SensorNamePartNAME_TAIL, filter.NameBelow: bpfgen.SensorNamePartNAME_BELOW,
		filter.NameHead: bpfgen.SensorNamePartNAME_HEAD,
	}
	out := make([]narrow.NamePart, len(parts))
	for i, p := range parts {
		out[i] = narrow.NamePart{Kind: kinds[p.Kind], Text: p.Text}
	}
	return out
}

// WatchedNames are the complete file names that enabled rules compare an opened file's with, each once.
func WatchedNames(rules *engine.Ruleset) []string {
	return eachOnce(rules.Rules(), func(r *engine.Rule) (names []string) {
		for _, name := range r.Literals("fd.name") {
			if strings.HasPrefix(name, "/") {
				names = append(names, name)
			}
		}
		return names
	})
}

// HostNames are the host names that the enabled ones of some rules compare the ends of a connection with, each once.
func HostNames(rules ...*engine.Rule) []string {
	return eachOnce(rules, func(r *engine.Rule) (names []string) {
		for _, field := range [...]string{"fd.cip.name", "fd.sip.name", "fd.lip.name", "fd.rip.name"} {
			names = append(names, r.AllLiterals(field)...)
		}
		return names
	})
}

// eachOnce joins what the enabled rules have, without repetitions and without empty texts.
func eachOnce(rules []*engine.Rule, of func(*engine.Rule) []string) []string {
	var all []string
	seen := map[string]bool{"": true}
	for _, r := range rules {
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
