package sensor

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/alias"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/enrich"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/process"
	"github.com/saker-sensor/saker/internal/setup"
)

// Stats count what the loop did. Only the loop writes them.
type Stats struct {
	// Records came out of the rings, Events of them were given to the rules, Matched is the number of matches.
	Records, Events, Matched uint64
	// DecodeErrors are records that could not be read.
	DecodeErrors uint64
	// Gaps are records that the sequence numbers miss: lost before they reached a ring.
	Gaps uint64
}

// gaps follows the sequence numbers of one ring: each CPU counts its own records, lost ones too.
type gaps struct{ last []uint64 }

// note returns how many records are missing before this one.
func (g *gaps) note(cpu uint16, seq uint64) uint64 {
	if int(cpu) >= len(g.last) {
		g.last = append(g.last, make([]uint64, int(cpu)+1-len(g.last))...)
	}
	missing := seq - g.last[cpu] - 1
	g.last[cpu] = seq
	return missing
}

// bootTime is the wall clock's time at boot, in ns since the epoch.
func bootTime() int64 {
	_, boot := readClocks()
	return boot
}

// readClocks returns ns since boot, and the wall clock's time at boot in ns since the epoch. Between the readings of the two
// clocks the thread may be preempted: of a few tries the quickest counts.
func readClocks() (now uint64, boot int64) {
	best := int64(math.MaxInt64)
	for range 5 {
		var before, wall, after unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &before)
		_ = unix.ClockGettime(unix.CLOCK_REALTIME, &wall)
		_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &after)
		if took := after.Nano() - before.Nano(); took < best {
			best, now, boot = took, uint64(after.Nano()), wall.Nano()-before.Nano()-took/2
		}
	}
	return now, boot
}

// Totals are all counts at the end of a run.
type Totals struct {
	Stats
	Kernel probe.Counters
	Table  process.Counters
	Enrich enrich.Counters
	Names  alias.Counters
	Alerts output.QueueCounters
	Dedup  output.DedupCounters
	// Redacted secrets were left out of alerts.
	Redacted uint64
	// Coverage is what the kernel's refusals cost.
	Coverage []setup.Lost
}

// WriteSummary writes the exit text: Falco's three parts, then what was lost, by kind.
func (t *Totals) WriteSummary(w io.Writer, rules *engine.Ruleset) {
	var b strings.Builder
	severity := map[rulefile.Priority]uint64{}
	var named []string
	for _, r := range rules.Rules() {
		if n := r.Matches(); n > 0 {
			severity[r.Priority] += n
			named = append(named, fmt.Sprintf("   %s: %d", r.Name, n))
		}
	}
	fmt.Fprintf(&b, "Events detected: %d\nRule counts by severity:\n", t.Matched)
	var order []rulefile.Priority
	for p := range severity {
		order = append(order, p)
	}
	slices.Sort(order)
	for _, p := range order {
		fmt.Fprintf(&b, "   %s: %d\n", strings.ToUpper(p.String()), severity[p])
	}
	b.WriteString("Triggered rules by rule name:\n")
	for _, line := range named {
		b.WriteString(line + "\n")
	}
	fmt.Fprintf(&b, "Events seen: %d (records from the kernel: %d)\n", t.Events, t.Records)
	fmt.Fprintf(&b, "Alerts: %s\n", alertCounts(&t.Alerts.SinkTotals))
	if len(t.Alerts.Sinks) > 1 {
		for _, sink := range t.Alerts.Sinks {
			fmt.Fprintf(&b, "   %s: %s\n", sink.Name, alertCounts(&sink.SinkTotals))
		}
	}
	fmt.Fprintf(&b, "Held back: %d matches, told by %d alerts with a count; not held back for lack of room: %d; redacted: %d secrets\n",
		t.Dedup.Suppressed, t.Dedup.Emitted, t.Dedup.Overflow, t.Redacted)
	fmt.Fprintf(&b, "Lost records: %d critical ring full, %d bulk ring full%s, %d undecodable, %d missing by sequence\n",
		t.Kernel.CriticalLost, t.Kernel.BulkLost, lostKinds(t.Kernel.LostByKind), t.DecodeErrors, t.Gaps)
	fmt.Fprintf(&b, "Incomplete: %d paths truncated, %d path strings unreadable, %d not kept from entry, %d files closed too soon, %d io_uring opens without name or result, %d processes repaired, %d processes unknown\n",
		t.Kernel.PathTruncated, t.Kernel.RawUnreadable, t.Kernel.EntryMissing, t.Kernel.FileGone, t.Kernel.UringUnmatched, t.Table.Repaired, t.Table.Unknown)
	fmt.Fprintf(&b, "Containers: %d events waited, %d answered; without metadata: %d no runtime, %d not found, %d too slow, %d waiting room full, %d cgroup gone\n",
		t.Enrich.Held, t.Enrich.Answered, t.Enrich.RuntimeAbsent, t.Enrich.NotFound, t.Enrich.TooSlow, t.Enrich.Overflow, t.Enrich.CgroupGone)
	fmt.Fprintf(&b, "Names not known: %d mounts and %d watched names too many, %d mount tables unreadable, %d looks into a container dropped, %d containers forgotten\n",
		t.Names.MountsCut, t.Names.WatchCut, t.Names.MountErrors, t.Names.ScansDropped, t.Names.ContainersDropped)
	_, _ = io.WriteString(w, b.String())
}

func alertCounts(t *output.SinkTotals) string {
	text := fmt.Sprintf("%d written, %d dropped (queue full), %d failed (sink error)", t.Written, t.Dropped, t.Errors)
	if t.Lost > 0 {
		text += fmt.Sprintf(", %d not delivered before the end", t.Lost)
	}
	if t.Restored > 0 || t.Kept > 0 {
		text += fmt.Sprintf("; on disk: %d from the start, %d at the end", t.Restored, t.Kept)
	}
	return text
}

var kindNames = map[event.Kind]string{
	event.KindExec: "exec", event.KindFork: "fork", event.KindExit: "exit", event.KindOpen: "open",
	event.KindExecFailed: "failed exec", event.KindUring: "io_uring setup", event.KindCgroupMade: "cgroup made", event.KindCgroupRemoved: "cgroup removed",
	event.KindCanary: "canary", event.KindSignal: "signal",
}

func lostKinds(lost map[event.Kind]uint64) string {
	var parts []string
	for kind, n := range lost {
		parts = append(parts, fmt.Sprintf("%s %d", kindNames[kind], n))
	}
	if len(parts) == 0 {
		return ""
	}
	slices.Sort(parts)
	return " (" + strings.Join(parts, ", ") + ")"
}
