package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/sensor"
)

func recordCommand(ctx context.Context, stdout, stderr io.Writer, source *sourceFlags) *cobra.Command {
	var what sensor.RecordSettings
	var megabytes, minutes, seconds float64
	cmd := &cobra.Command{
		Use:   "record FILE",
		Short: "Write events to a file, for sensor replay",
		Long: `Writes events to a file, with all that is known of each: its process and the ancestors, its container and pod. sensor replay gives
them to rules later, on any machine of this architecture. Without a filter these are the events that a rule without an event type sees: all
but reads and writes, which -o base_syscalls.all=true adds. A sensor that runs already goes on beside it.`,
		Args: oneArg("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, f := range []struct {
				name  string
				value float64
			}{{"max-size", megabytes}, {"max-time", minutes}, {"duration", seconds}} {
				if math.IsNaN(f.value) || f.value < 0 || f.value > maxSeconds {
					return usageError(cmd, fmt.Errorf("flag --%s: %v is not a number from 0 to %d", f.name, f.value, maxSeconds))
				}
			}
			if what.Files < 0 || what.Files > 0 && megabytes == 0 && minutes == 0 {
				return usageError(cmd, fmt.Errorf("flag --files: %d files need --max-size or --max-time, which end each", what.Files))
			}
			loaded, err := source.read()
			if err != nil {
				return err
			}
			what.Path, what.MaxBytes, what.MaxAge = args[0], int64(megabytes*(1<<20)), time.Duration(minutes*float64(time.Minute))
			if seconds > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Duration(seconds*float64(time.Second)))
				defer cancel()
			}
			outliveReaders()
			return record(ctx, stdout, stderr, loaded, &what)
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVar(&what.Filter, "filter", "", "record the events of this `condition` alone, written as a rule's")
	fs.Float64VarP(&seconds, "duration", "M", 0, "stop after this many `seconds`; 0, the default, does not stop")
	fs.Float64Var(&megabytes, "max-size", 0, "end a file at this many `MiB`; 0 is no limit")
	fs.Float64Var(&minutes, "max-time", 0, "end a file after this many `minutes`; 0 is no limit")
	fs.IntVar(&what.Files, "files", 0, "keep this `number` of files: FILE, and FILE.1, FILE.2, … before it; 0 ends with the first")
	source.add(fs)
	return cmd
}

// record runs a sensor that has no rules and disturbs no other one: it sends no alerts and serves nothing.
func record(ctx context.Context, stdout, stderr io.Writer, loaded *config.Loaded, what *sensor.RecordSettings) error {
	cfg := loaded.Config
	cfg.Stdout.Enabled, cfg.Syslog.Enabled, cfg.Program.Enabled, cfg.File.Enabled = false, false, false, false
	cfg.HTTP.Enabled, cfg.OTLP.Enabled, cfg.GRPC.Enabled, cfg.GRPCOutput.Enabled = false, false, false, false
	cfg.Webserver.Enabled, cfg.Metrics.Enabled, cfg.WatchFiles = false, false, false
	cfg.Capture.Enabled = false
	cfg.Guard.StateFile, cfg.Top.Socket = "", ""
	if !what.Matched {
		cfg.Rules, cfg.AppendOutput, cfg.Priority = nil, nil, "debug"
	}
	var logErrors atomic.Uint64
	log, err := newLog(stderr, &cfg, dialSyslog, &logErrors)
	if err != nil {
		return err
	}
	logLoaded(log, loaded)
	return sensor.Run(ctx, sensor.Settings{
		Config: cfg, Version: version, Stdout: stdout, Stderr: stderr, Log: log, LogErrors: logErrors.Load, Record: what,
	})
}
