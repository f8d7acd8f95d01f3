package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/sensor"
)

// liveFlags let a command that reads recordings make one of this machine first.
type liveFlags struct {
	on      bool
	seconds float64
}

func (f *liveFlags) add(fs *pflag.FlagSet, usage string, seconds float64) {
	fs.BoolVar(&f.on, "live", false, usage)
	fs.Float64VarP(&f.seconds, "duration", "M", seconds, "with --live: for this many `seconds`")
}

func (f *liveFlags) check(cmd *cobra.Command) error {
	if math.IsNaN(f.seconds) || f.seconds <= 0 || f.seconds > maxSeconds {
		return usageError(cmd, fmt.Errorf("flag --duration: %v is not a number of seconds above 0, up to %d", f.seconds, maxSeconds))
	}
	return nil
}

// files calls a function with the files that were named, or with a recording that is made for it.
func (f *liveFlags) files(ctx context.Context, stdout, stderr io.Writer, loaded *config.Loaded, named []string, what sensor.RecordSettings,
	read func([]string) error,
) error {
	if !f.on {
		return read(named)
	}
	dir, err := os.MkdirTemp("", "saker-live-")
	if err != nil {
		return fmt.Errorf("record events: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	what.Path = filepath.Join(dir, "recording")
	running, cancel := context.WithTimeout(ctx, time.Duration(f.seconds*float64(time.Second)))
	defer cancel()
	if err := record(running, stdout, stderr, loaded, &what); err != nil {
		return err
	}
	return read([]string{what.Path})
}
