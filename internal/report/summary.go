package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/output"
)

// WriteSummary writes the text at the end of a run: Falco's three parts, then what was lost, by kind.
func (s *Snapshot) WriteSummary(w io.Writer) {
	var b strings.Builder
	s.writeDetected(&b)
	fmt.Fprintf(&b, "Events seen: %d (records from the kernel: %d)\n", s.Stats.Events, s.Stats.Records)
	s.writeSources(&b)
	s.writeAlerts(&b)
	fmt.Fprintf(&b, "Lost records: %d critical ring full, %d bulk ring full%s, %d undecodable, %d missing by sequence\n",
		s.Kernel.CriticalLost, s.Kernel.BulkLost, lostKinds(s.Kernel.LostByKind), s.Stats.DecodeErrors, s.Stats.Gaps)
	fmt.Fprintf(&b, "Incomplete: %d paths truncated, %d path strings unreadable, %d not kept from entry, %d files closed too soon, "+
		"%d io_uring opens without name or result, %d processes repaired, %d processes unknown\n",
		s.Kernel.PathTruncated, s.Kernel.RawUnreadable, s.Kernel.EntryMissing, s.Kernel.FileGone, s.Kernel.UringUnmatched, s.Table.Repaired,
		s.Table.Unknown)
	fmt.Fprintf(&b, "Containers: %d events waited, %d answered; "+
		"without metadata: %d no runtime, %d not found, %d too slow, %d waiting room full, %d cgroup gone\n",
		s.Enrich.Held, s.Enrich.Answered, s.Enrich.RuntimeAbsent, s.Enrich.NotFound, s.Enrich.TooSlow, s.Enrich.Overflow, s.Enrich.CgroupGone)
	fmt.Fprintf(&b, "Names not known: %d mounts and %d watched names too many, %d mount tables unreadable, "+
		"%d looks into a container dropped, %d containers forgotten\n",
		s.Names.MountsCut, s.Names.WatchCut, s.Names.MountErrors, s.Names.ScansDropped, s.Names.ContainersDropped)
	_, _ = io.WriteString(w, b.String())
}

// WriteReplaySummary writes the text at the end of a replay, which has no kernel and no runtime to lose anything.
func (s *Snapshot) WriteReplaySummary(w io.Writer) {
	var b strings.Builder
	s.writeDetected(&b)
	fmt.Fprintf(&b, "Events seen: %d (from recordings)\n", s.Stats.Events)
	s.writeAlerts(&b)
	_, _ = io.WriteString(w, b.String())
}

// WriteSourcesSummary writes the text at the end of a run without the kernel's events.
func (s *Snapshot) WriteSourcesSummary(w io.Writer) {
	var b strings.Builder
	s.writeDetected(&b)
	s.writeSources(&b)
	s.writeAlerts(&b)
	_, _ = io.WriteString(w, b.String())
}

func (s *Snapshot) writeSources(b *strings.Builder) {
	for _, src := range s.Sources {
		fmt.Fprintf(b, "Source %s: %d events, %d documents malformed\n", src.Name, src.Events, src.Malformed)
	}
}

// writeDetected writes what Falco does.
func (s *Snapshot) writeDetected(b *strings.Builder) {
	severity := map[rulefile.Priority]uint64{}
	var named []string
	for _, r := range s.Rules {
		if n := r.Matches(); n > 0 {
			severity[r.Priority] += n
			named = append(named, fmt.Sprintf("   %s: %d", r.Name, n))
		}
	}
	detected := s.Stats.Matched
	for _, src := range s.Sources {
		detected += src.Matched
	}
	fmt.Fprintf(b, "Events detected: %d\nRule counts by severity:\n", detected)
	var order []rulefile.Priority
	for p := range severity {
		order = append(order, p)
	}
	slices.Sort(order)
	for _, p := range order {
		fmt.Fprintf(b, "   %s: %d\n", strings.ToUpper(p.String()), severity[p])
	}
	b.WriteString("Triggered rules by rule name:\n")
	for _, line := range named {
		b.WriteString(line + "\n")
	}
}

// writeAlerts says where the alerts went.
func (s *Snapshot) writeAlerts(b *strings.Builder) {
	fmt.Fprintf(b, "Alerts: %s\n", alertCounts(&s.Queue.SinkTotals))
	if len(s.Queue.Sinks) > 1 {
		for _, sink := range s.Queue.Sinks {
			fmt.Fprintf(b, "   %s: %s\n", sink.Name, alertCounts(&sink.SinkTotals))
		}
	}
	fmt.Fprintf(b, "Held back: %d matches, told by %d alerts with a count; not held back for lack of room: %d; redacted: %d secrets\n",
		s.Dedup.Suppressed, s.Dedup.Emitted, s.Dedup.Overflow, s.Redacted)
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
	event.KindExecFailed: "failed exec", event.KindUring: "io_uring setup", event.KindCgroupMade: "cgroup made",
	event.KindCgroupRemoved: "cgroup removed",
	event.KindCanary:        "canary", event.KindSignal: "signal",
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
