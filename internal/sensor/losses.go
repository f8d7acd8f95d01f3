package sensor

import (
	"time"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/probe"
)

// losses remembers what was reported already.
type losses struct {
	lost, sent uint64
	alertedAt  time.Time
	runtime    []string
}

// dropAlertInterval is Falco's rate of drop alerts: one in 30 s (syscall_event_drops.rate .03333).
const dropAlertInterval = 30 * time.Second

// report raises Falco's internal alert when records were lost since the last look. It names the task that met the
// full ring last.
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
	l.lost, l.sent, l.alertedAt = lost, sent, time.Now()
	s.alerts.drop(newSent+newLost, newLost, k)
	s.Log.Warn("records lost: a ring was full", zap.Uint64("lost", newLost), zap.String("last_comm", k.LastLost.Comm),
		zap.Int32("last_pid", k.LastLost.Tgid))
}

// runtimes logs each change of a container runtime's state, once.
func (l *losses) runtimes(s *sensor) {
	status := s.enrich.Status()
	if l.runtime == nil {
		l.runtime = make([]string, len(status))
	}
	for i, st := range status {
		now := string(st.Connection)
		if l.runtime[i] == now {
			continue
		}
		l.runtime[i] = now
		fields := []zap.Field{zap.String("socket", st.Socket), zap.String("state", now)}
		if st.Err != nil {
			s.Log.Warn("container runtime", append(fields, zap.Error(st.Err))...)
			continue
		}
		s.Log.Info("container runtime", append(fields, zap.String("version", st.Version))...)
	}
}
