package sensor

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/alias"
	"github.com/saker-sensor/saker/internal/guard"
	"github.com/saker-sensor/saker/internal/report"
)

func (s *sensor) detach() error {
	if s.probe == nil {
		return nil
	}
	return s.probe.Detach()
}

// finish walks what the rings hold, and tells of the signals that came with it.
func (s *sensor) finish() error {
	if s.loop == nil {
		return nil
	}
	s.loop.finish(time.Now().Add(holdDeadline))
	s.tell(report.Signals(s.snapshot(nil))...)
	return nil
}

func (s *sensor) closeEnrich() error {
	if s.enrich == nil {
		return nil
	}
	return s.enrich.Close()
}

func (s *sensor) closeNames() error {
	if s.names == nil {
		return nil
	}
	err := s.names.Close()
	if errors.Is(err, alias.ErrStuck) {
		s.Log.Warn("ending all the same", zap.Error(err))
		return nil
	}
	return err
}

func (s *sensor) closePods() error {
	if s.pods == nil {
		return nil
	}
	return s.pods.Close()
}

func (s *sensor) closeAlerts() error {
	if s.alerts == nil {
		return nil
	}
	s.alerts.dedup.Flush()
	return s.alerts.outputs.drain(sinkDeadline, nil)
}

func (s *sensor) closeCaptures() error {
	if s.loop == nil {
		return nil
	}
	return s.loop.captures.close()
}

func (s *sensor) summary() error {
	if s.loop == nil {
		return nil
	}
	kernel, err := s.probe.Counters()
	s.kernel = kernel
	s.snapshot(err).WriteSummary(s.Stderr)
	return err
}

func (s *sensor) closeProbe() error {
	if s.probe == nil {
		return nil
	}
	return s.probe.Close()
}

func (s *sensor) closeHeartbeat(end guard.Moment, wall time.Time) error {
	if s.heartbeat == nil {
		return nil
	}
	return s.heartbeat.close(end, wall)
}
