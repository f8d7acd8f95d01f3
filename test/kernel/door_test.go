package kernel

import (
	"fmt"
	"maps"
	"slices"

	table "github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// doorCall is a system call as its caller made it, by whatever way into the kernel: the event that is to come of it, and some of its
// parameters as text.
type doorCall struct {
	Type   string
	Ret    int64
	Params map[string]string
}

// doorFacts are the calls that a trigger made, in their order.
type doorFacts struct {
	Calls []doorCall
	// Skip says why this kernel can't do it.
	Skip string
}

// doorText is a parameter in the form of the facts: an address, a text, a socket with its ends, or a number.
func doorText(p *event.Param) string {
	d := &p.Descriptor
	switch {
	case p.Missing:
		return "missing"
	case p.Addr.IsValid():
		return p.Addr.String()
	case p.Given != "":
		return p.Given
	case d.Kind == event.KindSocket && d.Socket.Local.IsValid():
		return fmt.Sprintf("%d %v->%v", p.Num, d.Socket.Local, d.Socket.Remote)
	case p.Text != "":
		return p.Text
	}
	return fmt.Sprint(p.Num)
}

// restart is the kernel's own result of a call that a signal interrupts (ERESTARTSYS, linux/errno.h).
const restart = -512

// checkDoor compares a trigger's calls with those of the events that came by the same door: all of them, in their order.
func (c *capture) checkDoor(facts doorFacts, sameDoor func(*event.Event) bool) {
	c.t.Helper()
	rows := table.New()
	var seen []*event.Event
	for _, ev := range c.events {
		// A call that one of the runtime's signals interrupts is made again by the kernel, and seen again.
		if ev.Tgid == c.pid && sameDoor(ev) && ev.Ret != restart {
			seen = append(seen, ev)
		}
	}
	slices.SortStableFunc(seen, func(a, b *event.Event) int { return int(int64(a.Boot) - int64(b.Boot)) })
	for i, want := range facts.Calls {
		if i >= len(seen) {
			c.t.Fatalf("call %d: no event, want %+v", i, want)
		}
		ev := seen[i]
		if ev.Type.String() != want.Type || ev.Ret != want.Ret {
			c.t.Fatalf("call %d: an event %v with result %d, want %+v", i, ev.Type, ev.Ret, want)
		}
		row := rows.Row(ev.Type)
		for _, name := range slices.Sorted(maps.Keys(want.Params)) {
			i := slices.IndexFunc(row.Params, func(p table.Param) bool { return p.Name == name })
			if i < 0 {
				c.t.Errorf("%s has no parameter %s", want.Type, name)
			} else if got := doorText(&ev.Params[i]); got != want.Params[name] {
				c.t.Errorf("%s: %s is %q, want %q", want.Type, name, got, want.Params[name])
			}
		}
	}
	if len(seen) > len(facts.Calls) {
		c.t.Errorf("%d events, want %d; the next one is %v", len(seen), len(facts.Calls), seen[len(facts.Calls)].Type)
	}
}

func byCompat(ev *event.Event) bool {
	return ev.Flags&event.FlagCompat != 0 && ev.Type != event.TypeOpen && ev.Type != event.TypeExecve
}
