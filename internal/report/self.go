package report

import (
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/guard"
)

// stopped says that nothing of the process ran for a while, who stopped it if that is known, and what was lost. It may have
// been frozen by its cgroup, or starved by others, too: then no signal is there.
func stopped(before, now *Snapshot) (notices []Notice) {
	if _, suspended := now.At.Since(before.At); suspended >= time.Second {
		notices = append(notices, info("the machine was suspended", zap.Duration("for", suspended)))
	}
	if now.Self.Stops == before.Self.Stops {
		return notices
	}
	lasted, lost := now.Self.Stopped-before.Self.Stopped, now.Kernel.Lost()-before.Kernel.Lost()
	priority, message := rulefile.Warning, fmt.Sprintf("It did not run for %v, and lost %d records", round(lasted), lost)
	fields := map[string]any{"seconds": lasted.Seconds(), "lost": lost}
	if i := slices.IndexFunc(now.Signals, Signal.stops); i >= 0 {
		priority = rulefile.Critical
		message += " by " + nameProcess(&now.Signals[i].From, fields)
	} else {
		message += ". No signal for it was seen: frozen, or starved of CPU"
	}
	n := Logged(zap.ErrorLevel, "the sensor was stopped", zap.Duration("for", lasted), zap.Uint64("lost", lost))
	return append(notices, n.with(now.Wall, "Saker internal: sensor was stopped", priority, message, fields))
}

// Signals names who sent the snapshot's signals.
func Signals(now *Snapshot) (notices []Notice) {
	for i := range now.Signals {
		sig := &now.Signals[i]
		name := unix.SignalName(unix.Signal(sig.Number))
		priority, message := rulefile.Warning, "It got "+name
		switch {
		case sig.Ptrace:
			priority, message = rulefile.Critical, "A debugger attached to it"
		case sig.stops():
			priority = rulefile.Critical
		case sig.Requested:
			priority = rulefile.Informational
		case sig.Number == int32(unix.SIGTERM) || sig.Number == int32(unix.SIGINT):
			priority = rulefile.Notice // how it is meant to be ended
		}
		fields := map[string]any{"signal": name, "ptrace": sig.Ptrace}
		message += " by " + nameProcess(&sig.From, fields)
		level := zap.WarnLevel
		if sig.Requested {
			level = zap.InfoLevel
		}
		n := Logged(level, "signal for the sensor", zap.String("signal", name), zap.Bool("ptrace", sig.Ptrace), zap.Int32("pid", sig.From.Tgid))
		notices = append(notices, n.with(now.Wall, "Saker internal: signal for the sensor", priority, message, fields))
	}
	return notices
}

func (g Signal) stops() bool {
	switch unix.Signal(g.Number) {
	case unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		return true
	}
	return false
}

// changedCapture tells when the capture begins or ceases to be stalled, or is so for another reason.
func changedCapture(before, now *Snapshot) []Notice {
	switch {
	case now.Stalled == before.Stalled:
		return nil
	case now.Stalled == "":
		lasted, _ := now.At.Since(before.StalledSince)
		n := info("capture restored", zap.Duration("after", lasted), zap.String("reason", before.Stalled))
		return []Notice{n.with(now.Wall, "Saker internal: capture restored", rulefile.Notice,
			fmt.Sprintf("It was stalled for %v: %s", round(lasted), before.Stalled),
			map[string]any{"reason": before.Stalled, "seconds": lasted.Seconds()})}
	}
	n := Logged(zap.ErrorLevel, "capture stalled", zap.String("reason", now.Stalled))
	return []Notice{n.with(now.Wall, "Saker internal: capture stalled", rulefile.Critical, now.Stalled, map[string]any{"reason": now.Stalled})}
}

// Away tells for how long nothing was watched before this start, and how the last run ended.
func Away(a guard.Absence, last *guard.State, at time.Time) Notice {
	priority, bound := rulefile.Notice, ""
	switch a.End { // a run that was killed may have watched for up to two seconds after it last wrote its state
	case guard.Killed:
		priority, bound = rulefile.Critical, "at most "
	case guard.Lost:
		priority, bound = rulefile.Warning, "at most "
	}
	n := warn("the sensor was away", zap.Duration("for", a.For), zap.String("last_run", string(a.End)), zap.Int("pid", last.PID))
	return n.with(at, "Saker internal: sensor was away", priority,
		fmt.Sprintf("Nothing was watched for %s%v: the last run (pid %d, version %s) was %s", bound, round(a.For), last.PID, last.Version, a.End),
		map[string]any{"seconds": a.For.Seconds(), "end": string(a.End), "pid": last.PID, "version": last.Version})
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

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
