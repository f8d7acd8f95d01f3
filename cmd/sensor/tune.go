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

func tuneCommand(ctx context.Context, stdout, stderr io.Writer, source *sourceFlags) *cobra.Command {
	var s inspect.TuneSettings
	var live liveFlags
	format := "text"
	cmd := &cobra.Command{
		Use:   "tune FILE…",
		Short: "Show the noisiest groups of alerts on recorded events, each with an exception that silences it alone",
		Long: `Shows the noisiest groups of alerts on recorded events: same rule, process, parent, container image, namespace, and file or end of
a connection. Each has an exception that silences this group and nothing else, tried on the same events: so many alerts go, so many stay.
A rule of priority Critical or above gets one only with --force. --live looks at this machine for a while instead of at files.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case live.on == (len(args) > 0):
				return usageError(cmd, errors.New("name recordings, or give --live"))
			case format != "text" && format != "json":
				return usageError(cmd, fmt.Errorf("flag --format: %q is not one of: text, json", format))
			case s.Groups < 1:
				return usageError(cmd, fmt.Errorf("flag --top: %d is not a number from 1", s.Groups))
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
			return live.files(ctx, stdout, stderr, loaded, args, sensor.RecordSettings{Matched: true}, func(files []string) error {
				s.Files = files
				return inspect.Tune(stdout, loaded.Config, s)
			})
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
	live.add(fs, "record what matches on this machine for a while, and tune on that; needs root", 60)
	return cmd
}
