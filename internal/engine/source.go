package engine

import (
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// Source is where events come from that some rules are about: a rule names it, and may name its fields alone.
type Source struct {
	Name string
	// Dictionary holds the fields that its rules may name.
	Dictionary *field.Dictionary
	// CheckOutput refuses a bad output template; nil accepts all. An error that wraps a [field.Error] says whether a
	// field is unknown; any other error counts as that.
	CheckOutput func(template string) error
	// Types are the event types that it has.
	Types event.TypeSet
}

// sources are all sources, syscall first.
func (o *Options) sources() []Source {
	syscall := Source{Name: rulefile.SyscallSource, Dictionary: o.Dictionary, CheckOutput: o.CheckOutput, Types: event.FullSet()}
	return append([]Source{syscall}, o.Sources...)
}

func findSource(sources []Source, name string) *Source {
	for i := range sources {
		if sources[i].Name == name {
			return &sources[i]
		}
	}
	return nil
}
