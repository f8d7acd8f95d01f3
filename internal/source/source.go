// Package source has the sources of events that are no kernel. Each is a row: the name that rules know it by, the plugin of Falco's whose
// settings, version and fields it has, and how it is opened.
package source

import (
	"context"
	"slices"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/source/cloudtrail"
	"github.com/saker-sensor/saker/internal/source/document"
	"github.com/saker-sensor/saker/internal/source/k8saudit"
)

// Stream yields the events of a source that is open.
type Stream interface {
	// Next waits for the next event, which is valid until the next call. Behind a [*document.Malformed] there may be more; any other error
	// is the last: io.EOF at the end, the context's once it has ended and what was taken over has been read.
	Next(context.Context) (*event.Event, error)
	Close() error
}

// Kind is a source that is built in.
type Kind struct {
	field.Source
	// Version is that of the plugin.
	Version string
	// Open opens what open_params name. init sets what init_config says in the settings that it is given.
	Open func(init func(settings any), params string) (Stream, error)
}

// Kinds are all of them.
func Kinds() []Kind {
	return []Kind{
		{
			Source: field.Source{
				Name: "k8s_audit", Plugin: "k8saudit", Info: k8saudit.Info, Fields: slices.Concat(k8saudit.Fields(), document.Fields()),
			},
			Version: "0.18.0",
			Open: func(init func(any), params string) (Stream, error) {
				s := k8saudit.DefaultSettings()
				init(&s)
				return k8saudit.Open(s, params)
			},
		},
		{
			Source: field.Source{
				Name: "aws_cloudtrail", Plugin: "cloudtrail", Info: cloudtrail.Info, Fields: slices.Concat(cloudtrail.Fields(), document.Fields()),
			},
			Version: "0.17.1",
			Open:    func(_ func(any), params string) (Stream, error) { return cloudtrail.Open(params) },
		},
	}
}

// Extractors are the plugins that have fields and no source, with their versions: their fields are built in, too.
func Extractors() map[string]string { return map[string]string{"container": "0.7.1", "json": "0.7.4"} }
