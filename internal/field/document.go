package field

import (
	"slices"
	"time"

	"github.com/saker-sensor/saker/internal/event"
)

// Source is where events come from that are documents and no system calls.
type Source struct {
	// Name is evt.source, Plugin the name of Falco's plugin of that source.
	Name, Plugin string
	// Info is evt.plugininfo.
	Info func(*event.Event) string
	// Fields are its own.
	Fields []Info
}

// documentFields are those of class evt that do not ask for a system call.
var documentFields = []string{
	"evt.num", "evt.time", "evt.time.s", "evt.time.iso8601", "evt.datetime", "evt.datetime.s", "evt.rawtime", "evt.rawtime.s",
	"evt.rawtime.ns",
	"evt.reltime", "evt.reltime.s", "evt.reltime.ns", "evt.outputtime", "evt.around", "evt.hostname", "evt.is_async", "evt.asynctype",
}

// Documents builds the dictionary of a source of documents.
func Documents(s Settings, of Source) *Dictionary {
	if s.Zone == nil {
		s.Zone = time.Local
	}
	common := slices.DeleteFunc(slices.Concat(evtTime(s.Zone), evtFields(s.Hostname, nil)), func(in Info) bool {
		return !slices.Contains(documentFields, in.Name)
	})
	fixed := func(name, doc, value string) Info {
		return text(name, doc, func(*event.Event) (string, bool) { return value, true })
	}
	return NewDictionary(slices.Concat(
		classed("evt", common, []Info{
			fixed("evt.source", "Where the event comes from: "+of.Name+".", of.Name),
			fixed("evt.pluginname", "Name of the plugin that the event comes from in Falco.", of.Plugin),
			text("evt.plugininfo", "Summary of the event.", func(ev *event.Event) (string, bool) { return of.Info(ev), true }).costly(),
		}),
		classed("static", staticFields(s.Static)),
		of.Fields,
	)...)
}
