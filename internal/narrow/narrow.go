// Package narrow turns the loaded rules into what the kernel is asked to send: a rule is paid for only where it could
// match.
//
// What it asks for is never too little: where it can't tell, it asks. It narrows by event type and result, by an open's access mode,
// outcome and names, and by what the process is. Each of these says which rules may still match, and what no rule may match is not sent.
package narrow

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// Rule is what narrowing has to know of a compiled rule.
type Rule struct {
	// Name is the rule's.
	Name string
	// Types are the event types that its condition can match.
	Types event.TypeSet
	// Fields are the names of the fields that its condition reads.
	Fields []string
	// May tells whether its condition may be true of an event like this one, of which known says what it answers; nil
	// means always.
	May func(like *event.Event, known Known) bool
	// Names are what its condition needs of the name of a file that is opened, by the open's type.
	Names map[event.Type]Names
}

// Types returns the events that the probe has to capture for the rules.
//
// A successful exec comes from a hook of its own, which is always there. A failed one comes from the system-call hook,
// which slows every call of every process a little. So exec rules alone do not attach it, unless one of them is about
// failures. (docs/adr/0003-failed-execs.md)
//
// A rule without an event type is not about the calls of which a host makes most, reads and writes, as in Falco, unless all are asked for.
func Types(rules []Rule, everything bool) event.TypeSet {
	var wanted, execs event.TypeSet
	hook := false
	bulk := bulkTypes()
	for _, r := range rules {
		all := !everything && namesNone(&r.Types)
		for _, t := range r.Types.Types() {
			switch {
			case all && bulk.Has(t):
			case t == event.TypeExecve || t == event.TypeExecveat:
				execs.Add(t)
				hook = hook || failedExec(&r, t)
			case t.Captured():
				wanted.Add(t)
				hook = hook || t != event.TypeProcexit && t != event.TypeIoUringSetup // those have hooks of their own
			}
		}
	}
	if hook {
		wanted.Union(&execs)
	}
	return wanted
}

// bulkTypes are the calls that rules have to name.
func bulkTypes() event.TypeSet {
	var set event.TypeSet
	for _, r := range call.Rows() {
		if r.Bulk {
			set.Add(r.Type)
		}
	}
	return set
}

// namesNone tells whether a set holds every type.
func namesNone(set *event.TypeSet) bool {
	for _, t := range event.AllTypes() {
		if t.Captured() && !set.Has(t) {
			return false
		}
	}
	return true
}

// EntryCopies tells whether a rule may be about a call whose path is in the caller's memory alone, because it fails, or names a file
// without opening it; or about one that closes its descriptor. A copy is kept from its begin on. masks are those of [NewMasks].
func EntryCopies(rules []Rule, masks *event.Masks) bool {
	for _, row := range call.Rows() {
		if row.NeedsEntry() && slices.ContainsFunc(rules, func(r Rule) bool { return r.Types.Has(row.Type) }) {
			return true
		}
	}
	for _, open := range masks.Opens {
		for access := range open {
			if open[access][event.OutcomeFailed]|open[access][event.OutcomeNameChanged] != 0 {
				return true
			}
		}
	}
	for i := range rules {
		if failedExec(&rules[i], event.TypeExecve) || failedExec(&rules[i], event.TypeExecveat) {
			return true
		}
	}
	return false
}

// failedExec tells whether a rule asks for execs that failed: it reads the result, and may be true of a failure.
func failedExec(r *Rule, t event.Type) bool {
	if !r.Types.Has(t) || !readsResult(r.Fields) {
		return false
	}
	for _, o := range []event.Outcome{event.OutcomeFailed, event.OutcomeNameChanged} {
		ev := event.Event{Num: 1, Type: t, Flags: flagsOf(o), Ret: -int64(unix.ENOENT), DirFD: event.AtFDCWD, Process: &event.Process{}}
		if r.May == nil || r.May(&ev, knownOf(o)) {
			return true
		}
	}
	return false
}

// resultFields tell success from failure.
var resultFields = map[string]bool{
	"evt.res": true, "evt.rawres": true, "evt.failed": true, "evt.arg": true, "evt.rawarg": true, "evt.args": true,
	"evt.name_changed": true, "fd.name.exit": true,
}

func readsResult(fields []string) bool {
	for _, f := range fields {
		if resultFields[f] {
			return true
		}
	}
	return false
}
