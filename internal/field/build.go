package field

import (
	"slices"
	"time"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// Settings of a dictionary. The zero value is fine.
type Settings struct {
	// Hostname is evt.hostname; empty makes it missing.
	Hostname string
	// Static are the constants that rules read as static.NAME.
	Static map[string]string
	// Zone is the time zone of evt.time and its like, nil for the machine's own.
	Zone *time.Location
}

// Syscall builds the dictionary of the source "syscall", with the machine's time zone and no host name.
func Syscall() *Dictionary { return New(Settings{}) }

// New builds the dictionary of the source "syscall": every field of Falco 0.44 and its container plugin 0.7, and ours.
func New(s Settings) *Dictionary {
	if s.Zone == nil {
		s.Zone = time.Local
	}
	rows := call.Rows()
	return NewDictionary(slices.Concat(
		classed("evt", evtTime(s.Zone), evtFields(s.Hostname, rows), evtArgs(rows), evtIO(rows), evtCounts(rows), evtOpen(), evtAdditive()),
		classed("process", procNames(), procAncestors(), procArgs(), procIDs(), procLeaders(), procTimes(), procExe(), procUsage(),
			threadFields(), threadUsage()),
		classed("user", userFields()),
		classed("group", groupFields()),
		classed("fd", fdFile(), fdSocket(rows), fdAdditive()),
		classed("fs.path", fsPath(rows)),
		classed("fdlist", fdList(rows)),
		classed("static", staticFields(s.Static)),
		classed("container", containerFields(), containerMounts(), containerProbes()),
		classed("k8s", k8sFields(), k8sDeprecated()),
		classed("k8smeta", k8smetaFields()),
	)...)
}

// classed names the class of all tables.
func classed(class string, tables ...[]Info) []Info {
	all := slices.Concat(tables...)
	for i := range all {
		all[i].Class = class
	}
	return all
}

// text is an entry for a text that the event holds.
func text(name, doc string, get func(*event.Event) (string, bool)) Info {
	return Info{Name: name, Doc: doc, Cost: 1, Extract: func(ev *event.Event, _ Arg, v *Value) (ok bool) {
		v.Str, ok = get(ev)
		return ok
	}}
}

// number is an entry for a number that the event holds.
func number(name string, t Type, f Format, doc string, get func(*event.Event) (int64, bool)) Info {
	return Info{Name: name, Type: t, Format: f, Doc: doc, Extract: func(ev *event.Event, _ Arg, v *Value) (ok bool) {
		v.Num, ok = get(ev)
		return ok
	}}
}

// boolean is an entry for a yes or no; ok is false where the question makes no sense.
func boolean(name, doc string, get func(*event.Event) (yes, ok bool)) Info {
	return Info{Name: name, Type: Bool, Doc: doc, Extract: func(ev *event.Event, _ Arg, v *Value) bool {
		yes, ok := get(ev)
		v.SetBool(yes)
		return ok
	}}
}

// neverSet is an entry for what has no value in Falco either, of system calls.
func neverSet(name string, t Type, f Format, doc string) Info {
	return Info{Name: name, Type: t, Format: f, Doc: doc, Flags: NeverSet, Extract: missing}
}

func missing(*event.Event, Arg, *Value) bool { return false }

// neverSetText is neverSet for texts, by far the most.
func neverSetText(name, doc string) Info { return neverSet(name, CharBuf, Plain, doc) }

// constant is an entry with the same value for every event.
func constant(name string, t Type, f Format, doc string, n int64) Info {
	return number(name, t, f, doc, func(*event.Event) (int64, bool) { return n, true })
}

func (in Info) with(f Flags) Info {
	in.Flags |= f
	return in
}

// costly marks a field that walks or joins.
func (in Info) costly() Info {
	in.Cost = 2
	return in
}

// beginning marks a field whose value is where another field's begins.
func (in Info) beginning(of string) Info {
	in.Begins = of
	return in
}
