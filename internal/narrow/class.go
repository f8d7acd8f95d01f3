package narrow

import (
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// Classes say what the kernel lets through for one rule alone by type, result, and access mode and outcome of opens.
type Classes struct {
	opens map[event.Type]event.OpenMasks
	calls map[event.Type][2]uint64
}

// NewClasses makes those of a rule.
func NewClasses(r *Rule) *Classes {
	m := &masker{rules: []Rule{*r}, bits: []uint64{1}}
	c := &Classes{opens: map[event.Type]event.OpenMasks{}, calls: map[event.Type][2]uint64{}}
	for _, t := range r.Types.Types() {
		switch {
		case !Narrowed(t):
		case event.IsOpen(t):
			c.opens[t] = m.opens(t)
		default:
			c.calls[t] = m.calls(t)
		}
	}
	return c
}

// Let tells whether an event is of a class in which the rule may match. Events that are always sent are of none.
func (c *Classes) Let(ev *event.Event) bool {
	if masks, ok := c.opens[ev.Type]; ok {
		return masks[ev.File.OpenFlags&unix.O_ACCMODE][outcomeOf(ev)] != 0
	}
	did := 1
	if ev.Failed() {
		did = 0
	}
	return c.calls[ev.Type][did] != 0
}

func outcomeOf(ev *event.Event) event.Outcome {
	switch {
	case ev.Failed() && ev.Flags&event.FlagNameChanged != 0:
		return event.OutcomeNameChanged
	case ev.Failed():
		return event.OutcomeFailed
	}
	switch ev.File.InodeMode & unix.S_IFMT {
	case unix.S_IFREG:
		return event.OutcomeRegular
	case unix.S_IFDIR:
		return event.OutcomeDirectory
	}
	return event.OutcomeOther
}
