package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/saker-sensor/saker/internal/inspect"
	"github.com/saker-sensor/saker/internal/sensor"
)

func tuneCommand(ctx context.Context, stdout, stderr io.Writer, source *sourceFlags) *cobra.Command {
	var s inspect.TuneSettings
	var live bool
	var seconds float64
	format := "text"
	cmd := &cobra.Command{
		Use:   "tune FILE…",
		Short: "Show the noisiest groups of alerts on recorded events, each with an exception that silences it alone",
		Long: `Shows the noisiest groups of alerts on recorded events: same rule, process, parent, container image, namespace, and file or end of
a connection. Each has an exception that silences this group and nothing else, tried on the same events: so many alerts go, so many stay.
A rule of priority Critical or above gets one only with --force. --live looks at this machine for a while instead of at files.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case live == (len(args) > 0):
				return usageError(cmd, errors.New("name recordings, or give --live"))
			case format != "text" && format != "json":
				return usageError(cmd, fmt.Errorf("flag --format: %q is not one of: text, json", format))
			case math.IsNaN(seconds) || seconds <= 0 || seconds > maxSeconds:
				return usageError(cmd, fmt.Errorf("flag --duration: %v is not a number of seconds above 0, up to %d", seconds, maxSeconds))
			case s.Groups < 1:
				return usageError(cmd, fmt.Errorf("flag --top: %d is not a number from 1", s.Groups))
			}
			loaded, err := source.read()
			if err != nil {
				return err
			}
			writeWarnings(stderr, loaded)
			s.Files, s.JSON = args, format == "json"
			if !live {
				return inspect.Tune(stdout, loaded.Config, s)
			}
			dir, err := os.MkdirTemp("", "saker-tune-")
			if err != nil {
				return fmt.Errorf("tune rules: %w", err)
			}
			defer func() { _ = os.RemoveAll(dir) }()
			s.Files = []string{filepath.Join(dir, "recording")}
			running, cancel := context.WithTimeout(ctx, time.Duration(seconds*float64(time.Second)))
			defer cancel()
			err = record(running, stdout, stderr, loaded, &sensor.RecordSettings{Path: s.Files[0], Matched: true})
			if err != nil {
				return err
			}
			return inspect.Tune(stdout, loaded.Config, s)
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVar(&s.Rule, "rule", "", "look at the alerts of this `rule` alone")
	fs.IntVar(&s.Groups, "top", 20, "show this `number` of groups")
	fs.IntSliceVar(&s.Only, "only", nil, "show and write the groups with these `numbers` alone, as 1,3")
	fs.BoolVar(&s.Force, "force", false, "propose exceptions of rules of priority Critical and above, too")
	fs.StringVar(&s.Write, "write", "", "add the exceptions to this rules `file`")
	fs.StringVar(&s.HTML, "html", "", "write a page with timelines to this `file`, too")
	fs.StringVar(&format, "format", "text", "`text` or json")
	fs.BoolVar(&live, "live", false, "record what matches on this machine for a while, and tune on that; needs root")
	fs.Float64VarP(&seconds, "duration", "M", 60, "with --live: for this many `seconds`")
	return cmd
}
