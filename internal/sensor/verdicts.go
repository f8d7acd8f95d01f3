package sensor

import (
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/narrow"
)

// verdictTable is where the kernel's side finds what may match of a process.
type verdictTable interface {
	FamilyChanges() uint64
	SetVerdict(tgid int32, tag, mask, flags uint64)
}

// verdicts tells the kernel's side, once for each image of a process that an event comes from, which rules may match its events.
type verdicts struct {
	table verdictTable
	// changes is the number of family changes of which all records have been read.
	changes uint64
	// judged has the last process of each slot that was judged.
	judged [verdictSlots]narrow.Process
}

// verdictSlots is a power of two. Processes that share a slot are judged again whenever they take turns.
const verdictSlots = 4096

// begin comes before the critical ring is read: what it counts is in the ring by now.
func (v *verdicts) begin() { v.changes = v.table.FamilyChanges() }

// judge gives a process its verdict, unless it has it or not all is known of it.
func (v *verdicts) judge(ev *event.Event, judge *engine.Judge) {
	if judge == nil || !narrow.Narrowed(ev.Type) || ev.Process.Partial || ev.ContainerMissing != "" || ev.Flags&event.FlagIoUring != 0 {
		return
	}
	p := narrow.ProcessOf(ev, v.changes)
	slot := &v.judged[uint32(ev.Tgid)%verdictSlots]
	if *slot == p {
		return
	}
	*slot = p
	verdict := p.Verdict(judge.Mask(ev), ev.ContainerID != event.HostID)
	v.table.SetVerdict(ev.Tgid, verdict.Tag, verdict.Mask, verdict.Flags)
}
