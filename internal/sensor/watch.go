package sensor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/guard"
	"github.com/saker-sensor/saker/internal/output/render"
	"github.com/saker-sensor/saker/internal/probe"
)

// watch is how the sensor watches itself, on the loop's goroutine.
type watch struct {
	canaries *guard.Canaries
	// last is when the loop last came by.
	last guard.Moment
	lost uint64
	// Before the newest canary: how many were lost to a full ring, and how far each ring had been read.
	lostCanaries uint64
	read         [2]uint64

	// broken is what is wrong with the probe's own links and maps, as of the newest canary.
	broken error
	// stalled is why the capture counts as stalled, and since when; empty if it does not.
	stalled string
	since   guard.Moment

	signals []sentSignal
	counts  WatchCounts
}

// WatchCounts are what the sensor saw of itself.
type WatchCounts struct {
	CallCanary, RingCanary CanaryCounts
	// Stalls are the times that the capture stalled, Stops those that the process did not run, Signals those that
	// other processes sent.
	Stalls, Stops, Signals uint64
	Stopped                time.Duration
}

// CanaryCounts are the newest numbers of one way.
type CanaryCounts struct{ Sent, Seen uint64 }

// sentSignal is a signal with its sender, the event's process.
type sentSignal struct {
	event.Signal
	from event.Event
}

// stopLimit is how long the loop may not have run until it counts as stopped. It looks each second.
const stopLimit = 5 * time.Second

// maxSignals bounds the signals that are reported each second; more of them are counted.
const maxSignals = 8

func newWatch(period time.Duration) *watch {
	return &watch{canaries: guard.NewCanaries(period), last: guard.Now()}
}

// seen notes a canary that came back.
func (w *watch) seen(way guard.Way, number uint64) { w.canaries.Seen(way, number) }

// signalled notes a signal; its event is copied.
func (w *watch) signalled(rec *event.Record) {
	w.counts.Signals++
	if len(w.signals) < maxSignals {
		w.signals = append(w.signals, sentSignal{rec.Signal, *rec.Event.Clone()})
	}
}

// tick looks at what happened since the last one. k is what the kernel counted, err why it could not be read.
func (w *watch) tick(s *sensor, k *probe.Counters, err error) {
	now := guard.Now()
	ran, suspended := now.Since(w.last)
	w.last = now
	if suspended >= time.Second {
		s.Log.Info("the machine was suspended", zap.Duration("for", suspended))
	}
	if ran >= stopLimit {
		w.reportStop(s, ran, k.Lost()-w.lost)
	}
	w.lost = k.Lost()
	w.reportSignals(s)
	// A reader that was held up, and has yet to come to what waits, is no loss: a tick that comes late counts as one.
	due := w.canaries.Ran(min(ran, tickInterval))
	lost := w.lostWays(s, k)
	if due {
		w.broken = errors.Join(s.probe.Intact(), err)
		w.send(s, k)
	}
	w.judge(s, now, lost)
}

// lostWays are the ways by which no canary came back in time. One that found its ring full is excused while the ring
// is being read: a flood, which is reported as such.
func (w *watch) lostWays(s *sensor, k *probe.Counters) (lost []string) {
	for way, ring := range rings(s.probe) {
		if !w.canaries.Lost(guard.Way(way)) {
			continue
		}
		if k.LostByKind[event.KindCanary] > w.lostCanaries && ring.Position() > w.read[way] {
			w.canaries.Excuse(guard.Way(way))
			continue
		}
		lost = append(lost, guard.Way(way).String())
	}
	return lost
}

// rings are the probe's, by the way that leads through them.
func rings(p *probe.Probe) [2]*probe.Ring {
	return [2]*probe.Ring{guard.ByCall: p.Bulk(), guard.ByRing: p.Critical()}
}

// send makes a canary of each kind.
func (w *watch) send(s *sensor, k *probe.Counters) {
	w.lostCanaries = k.LostByKind[event.KindCanary]
	for way, ring := range rings(s.probe) {
		w.read[way] = ring.Position()
	}
	number := w.canaries.Next()
	if s.probe.CallCanary(number) {
		w.canaries.Sent(guard.ByCall, number)
	}
	err := s.probe.RingCanary(number)
	if errors.Is(err, probe.ErrNoCanary) {
		return // this kernel has none, and coverage says so
	}
	w.broken = errors.Join(w.broken, err)
	w.canaries.Sent(guard.ByRing, number)
}

// judge tells when the capture begins or ceases to be stalled, or is so for another reason.
func (w *watch) judge(s *sensor, now guard.Moment, lost []string) {
	w.counts.CallCanary.Sent, w.counts.CallCanary.Seen = w.canaries.Counts(guard.ByCall)
	w.counts.RingCanary.Sent, w.counts.RingCanary.Seen = w.canaries.Counts(guard.ByRing)
	var reasons []string
	if len(lost) > 0 {
		reasons = append(reasons, "no canary came back by the "+strings.Join(lost, " nor by the "))
	}
	if w.broken != nil {
		reasons = append(reasons, strings.ReplaceAll(w.broken.Error(), "\n", "; "))
	}
	reason := strings.Join(reasons, "; ")
	if reason == w.stalled {
		return
	}
	before := w.stalled
	w.stalled = reason
	if before == "" {
		w.since = now
		w.counts.Stalls++
	}
	if reason == "" {
		lasted, _ := now.Since(w.since)
		s.notice("Saker internal: capture restored", rulefile.Notice, fmt.Sprintf("It was stalled for %v: %s", round(lasted), before),
			map[string]any{"reason": before, "seconds": lasted.Seconds()})
		s.Log.Info("capture restored", zap.Duration("after", lasted), zap.String("reason", before))
		return
	}
	s.notice("Saker internal: capture stalled", rulefile.Critical, reason, map[string]any{"reason": reason})
	s.Log.Error("capture stalled", zap.String("reason", reason))
}

// reportStop says that nothing of the process ran for a while, who stopped it if that is known, and what was lost. It
// may have been frozen by its cgroup, or starved by others, too: then no signal is there.
func (w *watch) reportStop(s *sensor, stopped time.Duration, lost uint64) {
	w.counts.Stops++
	w.counts.Stopped += stopped
	priority, message := rulefile.Warning, fmt.Sprintf("It did not run for %v, and lost %d records", round(stopped), lost)
	fields := map[string]any{"seconds": stopped.Seconds(), "lost": lost}
	if i := slices.IndexFunc(w.signals, sentSignal.stops); i >= 0 {
		priority = rulefile.Critical
		w.signals[i].name(s, &message, fields)
	} else {
		message += ". No signal for it was seen: frozen, or starved of CPU"
	}
	s.notice("Saker internal: sensor was stopped", priority, message, fields)
	s.Log.Error("the sensor was stopped", zap.Duration("for", stopped), zap.Uint64("lost", lost))
}

// reportSignals names the senders.
func (w *watch) reportSignals(s *sensor) {
	for i := range w.signals {
		sig := &w.signals[i]
		priority, message := rulefile.Warning, "It got "+unix.SignalName(unix.Signal(sig.Number))
		switch {
		case sig.Ptrace:
			priority, message = rulefile.Critical, "A debugger attached to it"
		case sig.stops():
			priority = rulefile.Critical
		case sig.requested():
			priority = rulefile.Informational
		case sig.Number == int32(unix.SIGTERM) || sig.Number == int32(unix.SIGINT):
			priority = rulefile.Notice // how it is meant to be ended
		}
		fields := map[string]any{"signal": unix.SignalName(unix.Signal(sig.Number)), "ptrace": sig.Ptrace}
		sig.name(s, &message, fields)
		s.notice("Saker internal: signal for the sensor", priority, message, fields)
		log := s.Log.Warn
		if sig.requested() {
			log = s.Log.Info
		}
		log("signal for the sensor", zap.String("signal", unix.SignalName(unix.Signal(sig.Number))), zap.Bool("ptrace", sig.Ptrace),
			zap.Int32("pid", sig.from.Tgid))
	}
	w.signals = w.signals[:0]
}

// requested tells whether whoever runs the sensor asks it to end: SIGINT or SIGTERM by process 1 (a service manager), by an
// ancestor of the sensor (a shell, sudo, timeout), or by another child of its parent on the host, as containerd's shim runs
// runc kill. Children of process 1 are services like any other, and are not meant.
func (g *sentSignal) requested() bool {
	if n := unix.Signal(g.Number); n != unix.SIGINT && n != unix.SIGTERM || g.Ptrace {
		return false
	}
	if g.from.Tgid == 1 {
		return true
	}
	parent := int32(os.Getppid())
	if parent > 1 && g.from.ContainerID == event.HostID && g.from.Process != nil && g.from.Process.Ppid == parent {
		return true
	}
	for pid := parent; pid > 1; pid = parentOf(pid) {
		if g.from.Tgid == pid {
			return true
		}
	}
	return false
}

// parentOf reads the parent's pid of a process; 0 if it is gone.
func parentOf(pid int32) int32 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The comm, in parentheses, may hold anything; behind it stand the state and the parent (proc_pid_stat(5)).
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 2 {
		return 0
	}
	ppid, _ := strconv.Atoi(fields[1])
	return int32(ppid)
}

func (g sentSignal) stops() bool {
	switch unix.Signal(g.Number) {
	case unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		return true
	}
	return false
}

// name adds the sender.
func (g *sentSignal) name(s *sensor, message *string, fields map[string]any) {
	s.enrich.Attach(&g.from)
	*message += " by " + nameProcess(&g.from, fields)
}

// nameProcess puts an event's process into an internal alert: as fields, under the names that rules have for them, and
// as text.
func nameProcess(ev *event.Event, fields map[string]any) string {
	container := "host"
	if ev.Container != nil {
		container = ev.Container.Name
	} else if ev.ContainerID != event.HostID {
		container = "<NA>"
	}
	p := ev.Process
	fields["proc.name"], fields["proc.pid"] = p.Comm, ev.Tgid
	fields["proc.exepath"], fields["proc.cmdline"] = p.ExePath, p.Cmdline
	fields["container.id"], fields["container.name"] = ev.ContainerID, container
	if ev.Container != nil && ev.Container.Pod != nil {
		fields["k8s.pod.name"], fields["k8s.ns.name"] = ev.Container.Pod.Name, ev.Container.Pod.Namespace
	}
	return fmt.Sprintf("%s (pid=%d exepath=%s) in container %s (%s)", p.Comm, ev.Tgid, p.ExePath, container, ev.ContainerID)
}

// notice raises an internal alert, in Falco's manner.
func (s *sensor) notice(rule string, priority rulefile.Priority, message string, fields map[string]any) {
	s.alerts.internal(render.Internal{
		Rule: rule, Priority: priority.String(), Message: rule + ". " + message + ".", Time: time.Now().UnixNano(), Fields: fields,
	})
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
