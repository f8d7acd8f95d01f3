package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/sensor"
)

func replayCommand(ctx context.Context, stdout, stderr io.Writer, source *sourceFlags) *cobra.Command {
	what := sensor.ReplaySettings{}
	cmd := &cobra.Command{
		Use:   "replay FILE…",
		Short: "Give recorded events to the rules, as if they happened now",
		Long: `Gives recorded events to the rules, and their alerts to the outputs, with the times at which they happened. A file is a recording
of sensor record, or a capture (.scap) of Falco, sysdig or Stratoshark. It needs neither root nor a kernel.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(cmd, fmt.Errorf("%s: the argument FILE is missing", cmd.CommandPath()))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if s := what.Speed; math.IsNaN(s) || s < 0 {
				return usageError(cmd, fmt.Errorf("flag --speed: %v is not a number from 0", s))
			}
			loaded, err := source.read()
			if err != nil {
				return err
			}
			outliveReaders()
			what.Files = args
			return replayFiles(ctx, stdout, stderr, loaded, what)
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.Float64Var(&what.Speed, "speed", 0, "how many times faster than they happened the events come; 1 is real time, 0 as fast as they can")
	source.add(fs)
	return cmd
}

// replayFiles replays with a configuration's rules and outputs.
func replayFiles(ctx context.Context, stdout, stderr io.Writer, loaded *config.Loaded, what sensor.ReplaySettings) error {
	var logErrors atomic.Uint64
	log, err := newLog(stderr, &loaded.Config, dialSyslog, &logErrors)
	if err != nil {
		return err
	}
	logLoaded(log, loaded)
	if columns, _ := terminal(stderr); columns > 0 {
		what.Progress = progressLine(stderr, columns)
	}
	return sensor.Replay(ctx, sensor.Settings{
		Config: loaded.Config, Files: loaded.Files, Version: version, Stdout: stdout, Stderr: stderr, Log: log,
	}, what)
}

// barCells is the width of the progress bar.
const barCells = 24

// progressLine shows the progress of a replay in one line of a terminal: how much of the file, the rate, and the time that is left.
func progressLine(w io.Writer, columns int) func(sensor.Progress) {
	return func(p sensor.Progress) {
		if p.Done {
			fmt.Fprintf(w, "\r%s\r", strings.Repeat(" ", max(columns-1, 0)))
			return
		}
		fmt.Fprintf(w, "\r%-*.*s", max(columns-1, 0), max(columns-1, 0), progressText(p))
	}
}

func progressText(p sensor.Progress) string {
	seconds := max(p.Since.Seconds(), 1e-3)
	text := fmt.Sprintf("%d events, %.0f/s", p.Events, float64(p.Events)/seconds)
	if p.Size > 0 {
		part := min(float64(p.Read)/float64(p.Size), 1)
		full := int(part * barCells)
		text = fmt.Sprintf("[%s%s] %3.0f %%  %s", strings.Repeat("#", full), strings.Repeat(".", barCells-full), part*100, text)
		if part > 0 {
			left := time.Duration(seconds * (1 - part) / part * float64(time.Second))
			text += fmt.Sprintf(", %s left", left.Round(time.Second))
		}
	}
	return text + "  " + p.File
}
