package sensor

import (
	"errors"
	"fmt"

	"github.com/saker-sensor/saker/internal/enrich"
	"github.com/saker-sensor/saker/internal/guard"
	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/setup"
)

// degraded names what does not work although the capture does. Any goroutine may ask.
func (s *sensor) degraded() (lines []string) {
	if last := s.published.Load(); last != nil {
		lines = append(lines, failingOutputs(&last.queue)...)
		if last.logErrors > 0 {
			lines = append(lines, fmt.Sprintf("log: %d lines could not be written", last.logErrors))
		}
	}
	for _, st := range s.enrich.Status() {
		line := fmt.Sprintf("%s at %s: %s", st.Kind, st.Socket, st.Connection)
		switch {
		case st.Err != nil:
			lines = append(lines, line+": "+setup.OneLine(st.Err))
		case st.Connection == enrich.Lost:
			lines = append(lines, line)
		}
	}
	if s.pods != nil {
		if now := s.pods.Status(); now.Err != nil {
			lines = append(lines, fmt.Sprintf("%s: %s: %s", s.pods.Source(), now.State, setup.OneLine(now.Err)))
		} else {
			lines = append(lines, kinTroubles(s.pods.Source(), s.pods.KindErrors())...)
		}
	}
	return lines
}

// failingOutputs are the lines about outputs that did not take their latest alert.
func failingOutputs(queue *output.QueueCounters) (lines []string) {
	for i := range queue.Sinks {
		if sink := &queue.Sinks[i]; sink.Failing {
			lines = append(lines, fmt.Sprintf("output %s: %s", sink.Name, setup.OneLine(sink.LastError)))
		}
	}
	return lines
}

// health tells what is wrong with the capture; nil if nothing is. Any goroutine may ask.
func (s *sensor) health() error {
	last := s.published.Load()
	if last == nil {
		return errors.New("the sensor has not begun to capture")
	}
	if late, _ := guard.Now().Since(last.at); late > last.patience {
		return fmt.Errorf("the event loop has not run for %v", round(late))
	}
	if last.stalled != "" {
		return errors.New("capture stalled: " + last.stalled)
	}
	return nil
}
