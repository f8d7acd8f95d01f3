package report

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/output/render"
	"github.com/saker-sensor/saker/internal/probe"
)

// losses are what the kernel counted, as of the last snapshot and as of the last alert, and how often to tell of more.
type losses struct {
	drops  config.Drops
	bucket *rate.Limiter
	// below keeps losses under the threshold from filling the log.
	below rate.Sometimes
	// lost and sent are as of the last snapshot, reported as of the last alert.
	lost, sent uint64
	reported   probe.Counters
	// over: a share above the threshold was lost, and is yet to be reported.
	over bool
	// until is the time of the last loss that was reported, ns since boot.
	until uint64
	// waited: the alert was put off once, for the flooder's container to become known.
	waited bool
}

// dropAlertInterval is how often a loss that goes on is reported; Falco's rate of drop alerts (.03333 per second).
const dropAlertInterval = 30 * time.Second

// ErrExit ends a run that is to end when something is lost.
var ErrExit = errors.New("end as syscall_event_drops.actions asks for: events were lost; " +
	"see engine.modern_ebpf.buf_size_preset for larger buffers, or take exit out of the actions")

// configure takes the settings of syscall_event_drops.
func (l *losses) configure(drops config.Drops) {
	if l.bucket != nil && reflect.DeepEqual(l.drops, drops) {
		return
	}
	l.drops, l.bucket = drops, rate.NewLimiter(rate.Limit(drops.Rate), drops.MaxBurst)
	l.below = rate.Sometimes{First: 1, Interval: dropAlertInterval}
}

// check reports records that were lost since the last snapshot. Those that are not reported now stay counted for
// the next time. The error ends the run.
func (l *losses) check(now *Snapshot, processes Processes) (notices []Notice, err error) {
	if now.KernelErr != nil {
		return nil, nil
	}
	k := &now.Kernel
	lost, sent := k.Lost(), k.CriticalSent+k.BulkSent
	newLost, newSent := lost-l.lost, sent-l.sent
	l.lost, l.sent = lost, sent
	share := float64(newLost) / float64(max(newLost+newSent, 1))
	switch {
	case newLost > 0 && share > l.drops.Threshold || l.drops.Simulate:
		l.over = true
	case newLost > 0 && !l.does("ignore"):
		l.below.Do(func() {
			notices = append(notices, warn("records lost: a ring was full; no alert, as the share is not above syscall_event_drops.threshold",
				zap.Uint64("lost", newLost), zap.Float64("share", share), zap.Float64("threshold", l.drops.Threshold)))
		})
	}
	if !l.over || l.bucket.Tokens() < 1 {
		return notices, nil
	}
	who, known := flooderOf(k, l.until, processes)
	if !known && !l.waited {
		l.waited = true
		return notices, nil
	}
	l.bucket.Allow()
	what := since(k, &l.reported)
	l.reported, l.over, l.waited = *k, false, false
	for _, loser := range k.Losers {
		l.until = max(l.until, loser.Time)
	}
	more, err := l.act(now.Wall, &what, who)
	return append(notices, more...), err
}

// act does what syscall_event_drops.actions says, in Falco's order.
func (l *losses) act(at time.Time, what *probe.Counters, who *flooder) (notices []Notice, err error) {
	if l.drops.Simulate {
		what.BulkLost++
		notices = append(notices, info("syscall_event_drops.simulate_drops is on: one of the lost records is made up"))
	}
	if l.does("log") {
		notices = append(notices, Logged(zap.ErrorLevel, "records lost: a ring was full", zap.Uint64("lost", what.Lost()),
			zap.String("flooder", who.name()), zap.Int32("pid", who.Tgid), zap.String("container", who.ContainerID)))
	}
	if l.does("alert") {
		alert := dropAlert(at, what, who)
		notices = append(notices, Notice{Alert: &alert})
	}
	if l.does("exit") {
		return notices, ErrExit
	}
	return notices, nil
}

func (l *losses) does(action string) bool {
	return slices.ContainsFunc(l.drops.Actions, func(a string) bool { return strings.EqualFold(a, action) })
}

// since is what was counted after an earlier snapshot.
func since(k, before *probe.Counters) probe.Counters {
	d := probe.Counters{
		CriticalSent: k.CriticalSent - before.CriticalSent, CriticalLost: k.CriticalLost - before.CriticalLost,
		BulkSent: k.BulkSent - before.BulkSent, BulkLost: k.BulkLost - before.BulkLost, Oversize: k.Oversize - before.Oversize,
		LostByKind: map[event.Kind]uint64{},
	}
	for kind, n := range k.LostByKind {
		d.LostByKind[kind] = n - before.LostByKind[kind]
	}
	return d
}

// flooder is an event of the process that lost most records after a time, made of what is known of it.
type flooder struct{ event.Event }

// name is its comm.
func (f *flooder) name() string {
	if f.Process == nil {
		return ""
	}
	return f.Process.Comm
}

// flooderOf finds out who lost most after a time. It is not known yet while a runtime is asked for its container.
func flooderOf(k *probe.Counters, after uint64, processes Processes) (who *flooder, known bool) {
	who = &flooder{}
	l := k.Flooder(after)
	if l == nil {
		return who, true
	}
	who.Event, known = processes.Loser(l)
	return who, known
}

// dropAlert is Falco's internal alert about records that were lost since the last one, and who lost most of them. Falco's
// fields have their names and are texts. Those about the flooder are named as in rules.
func dropAlert(at time.Time, k *probe.Counters, who *flooder) render.Internal {
	text := func(n uint64) string { return strconv.FormatUint(n, 10) }
	a := render.Internal{
		Rule:     "Falco internal: syscall event drop",
		Priority: rulefile.Debug.String(),
		Message:  fmt.Sprintf("Falco internal: syscall event drop. %d system calls dropped in last second.", k.Lost()),
		Time:     at.UnixNano(),
		Fields: map[string]any{
			"ebpf_enabled":         "1",
			"n_evts":               text(k.CriticalSent + k.BulkSent + k.Lost()),
			"n_drops":              text(k.Lost()),
			"n_drops_buffer_total": text(k.Lost()),
			"n_drops_scratch_map":  text(k.Oversize),
			"n_drops_page_faults":  "0",
			"n_drops_bug":          "0",
			"n_drops_critical":     k.CriticalLost,
		},
	}
	for class, n := range lostByClass(k) {
		a.Fields["n_drops_buffer_"+class+"_exit"] = text(n)
	}
	if who.Process == nil {
		return a
	}
	a.Message += " Most of them by " + nameProcess(&who.Event, a.Fields) + "."
	return a
}

// lostByClass splits lost records into Falco's classes. Those of connect, dir_file and close are not captured.
func lostByClass(k *probe.Counters) map[string]uint64 {
	of := func(kinds ...event.Kind) (n uint64) {
		for _, kind := range kinds {
			n += k.LostByKind[kind]
		}
		return n
	}
	classes := map[string]uint64{
		"clone_fork": of(event.KindFork),
		"execve":     of(event.KindExec, event.KindExecFailed),
		"open":       of(event.KindOpen),
		"proc":       of(event.KindExit),
		"connect":    0,
		"dir_file":   0,
		"close":      0,
	}
	other := k.Lost()
	for _, n := range classes {
		other -= min(n, other)
	}
	classes["other_interest"] = other
	return classes
}
