package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/saker-sensor/saker/internal/inspect"
	"github.com/saker-sensor/saker/internal/sensor"
)

func costCommand(ctx context.Context, stdout, stderr io.Writer, source *sourceFlags) *cobra.Command {
	var s inspect.CostSettings
	var live liveFlags
	format := "text"
	cmd := &cobra.Command{
		Use:   "cost FILE…",
		Short: "Rank rules by the events that the kernel sends for them, and say what would narrow each",
		Long: `Ranks the enabled rules by the events of a recording that the kernel sends for them: those that it can't tell from a match by type,
result, file name and process. For each it says what its condition lacks for less. --live records this machine for a while instead. Record
with sensor record and no filter; executed programs and ends of processes are always sent, and count for no rule.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case live.on == (len(args) > 0):
				return usageError(cmd, errors.New("name recordings, or give --live"))
			case format != "text" && format != "json":
				return usageError(cmd, fmt.Errorf("flag --format: %q is not one of: text, json", format))
			case s.Rules < 1:
				return usageError(cmd, fmt.Errorf("flag --top: %d is not a number from 1", s.Rules))
			}
			if err := live.check(cmd); err != nil {
				return err
			}
			loaded, err := source.read()
			if err != nil {
				return err
			}
			writeWarnings(stderr, loaded)
			s.JSON = format == "json"
			return live.files(ctx, stdout, stderr, loaded, args, sensor.RecordSettings{}, func(files []string) error {
				s.Files = files
				return inspect.Cost(stdout, loaded.Config, s)
			})
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.IntVar(&s.Rules, "top", 20, "show this `number` of rules")
	fs.StringVar(&format, "format", "text", "`text` or json")
	live.add(fs, "record all events of this machine for a while, and measure on that; needs root", 10)
	return cmd
}
