package report

import (
	"errors"
	"fmt"

	"github.com/saker-sensor/saker/internal/enrich"
	"github.com/saker-sensor/saker/internal/guard"
	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/setup"
)

// Health tells what is wrong with the capture at a moment, by the last snapshot; nil if nothing is.
func Health(last *Snapshot, now guard.Moment) error {
	if last == nil {
		return errors.New("the sensor has not begun to capture")
	}
	if late, _ := now.Since(last.At); late > last.Patience {
		return fmt.Errorf("the event loop has not run for %v", round(late))
	}
	if last.Stalled != "" {
		return errors.New("capture stalled: " + last.Stalled)
	}
	return nil
}

// Degraded names what does not work although the capture does, a line each.
func Degraded(last *Snapshot) (lines []string) {
	if last == nil {
		return nil
	}
	for _, st := range last.Runtimes {
		line := fmt.Sprintf("%s at %s: %s", st.Kind, st.Socket, st.Connection)
		switch {
		case st.Err != nil:
			lines = append(lines, line+": "+setup.OneLine(st.Err))
		case st.Connection == enrich.Lost:
			lines = append(lines, line)
		}
	}
	if p := last.Pods; p != nil {
		if p.Err != nil {
			lines = append(lines, fmt.Sprintf("%s: %s: %s", p.Source, p.State, setup.OneLine(p.Err)))
		} else {
			lines = append(lines, relatedTroubles(p)...)
		}
	}
	for _, src := range last.Sources {
		if src.Err != nil {
			lines = append(lines, fmt.Sprintf("source %s: %s", src.Name, setup.OneLine(src.Err)))
		}
	}
	lines = append(lines, failingOutputs(&last.Queue)...)
	if last.LogErrors > 0 {
		lines = append(lines, fmt.Sprintf("log: %d lines could not be written", last.LogErrors))
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
