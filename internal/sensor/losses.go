package sensor

import (
	"fmt"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/enrich"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/probe"
)

// losses remembers what was reported already.
type losses struct {
	lost, sent uint64
	alertedAt  time.Time
	// until is the time of the last loss that was reported, ns since boot.
	until uint64
	// waited: the alert was put off once, for the flooder's container to become known.
	waited bool
}

// dropAlertInterval is Falco's rate of drop alerts: one in 30 s (syscall_event_drops.rate .03333).
const dropAlertInterval = 30 * time.Second

// report raises Falco's internal alert when records were lost since the last look. It names who lost most of them.
func (l *losses) report(s *sensor, k *probe.Counters) {
	lost, sent := k.Lost(), k.CriticalSent+k.BulkSent
	newLost, newSent := lost-l.lost, sent-l.sent
	if newLost == 0 {
		l.sent = sent
		return
	}
	if !l.alertedAt.IsZero() && time.Since(l.alertedAt) < dropAlertInterval {
		return // they stay counted, for the next alert
	}
	who, known := s.flooder(k, l.until)
	if !known && !l.waited {
		l.waited = true
		return
	}
	l.lost, l.sent, l.alertedAt, l.waited = lost, sent, time.Now(), false
	for _, loser := range k.Losers {
		l.until = max(l.until, loser.Time)
	}
	s.alerts.internal(dropAlert(newSent+newLost, newLost, k, who))
	s.Log.Warn("records lost: a ring was full", zap.Uint64("lost", newLost), zap.String("flooder", who.name()),
		zap.Int32("pid", who.Tgid), zap.String("container", who.ContainerID))
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

// flooder finds out who lost most. It is not known yet while a runtime is asked for its container.
func (s *sensor) flooder(k *probe.Counters, after uint64) (who *flooder, known bool) {
	who = &flooder{}
	l := k.Flooder(after)
	if l == nil {
		return who, true
	}
	who.Key, who.Tgid, who.CgroupID = l.Key, l.Key.Tgid, l.CgroupID
	if who.Process = s.table.Get(l.Key); who.Process == nil {
		who.Process = &event.Process{Key: l.Key, Comm: l.Comm}
	}
	return who, s.enrich.Attach(&who.Event) != enrich.Pending
}

// dropAlert is Falco's internal alert about lost records, and who lost most of them. Falco's fields have their names;
// what they count is lost since the start, by kind, but for n_evts and n_drops. Those about the flooder are named as in
// rules.
func dropAlert(events, lost uint64, k *probe.Counters, who *flooder) output.Internal {
	kind := func(kinds ...event.Kind) string {
		var n uint64
		for _, kind := range kinds {
			n += k.LostByKind[kind]
		}
		return strconv.FormatUint(n, 10)
	}
	a := output.Internal{
		Rule:     "Falco internal: syscall event drop",
		Priority: engine.Debug.String(),
		Message:  fmt.Sprintf("Falco internal: syscall event drop. %d system calls dropped in last second.", lost),
		Time:     time.Now().UnixNano(),
		Fields: map[string]any{
			"ebpf_enabled":                   "1",
			"n_evts":                         strconv.FormatUint(events, 10),
			"n_drops":                        strconv.FormatUint(lost, 10),
			"n_drops_buffer_total":           strconv.FormatUint(k.Lost(), 10),
			"n_drops_buffer_clone_fork_exit": kind(event.KindFork),
			"n_drops_buffer_execve_exit":     kind(event.KindExec, event.KindExecFailed),
			"n_drops_buffer_open_exit":       kind(event.KindOpen),
			"n_drops_buffer_proc_exit":       kind(event.KindExit),
			"n_drops_critical":               strconv.FormatUint(k.CriticalLost, 10),
		},
	}
	if who.Process == nil {
		return a
	}
	a.Message += " Most of them by " + nameProcess(&who.Event, a.Fields) + "."
	return a
}
