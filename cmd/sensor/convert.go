package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/saker-sensor/saker/internal/inspect"
)

func convertCommand(stderr io.Writer) *cobra.Command {
	enter := false
	cmd := &cobra.Command{
		Use:   "convert FILE OUT.scap",
		Short: "Write recorded events as a capture, for Falco, sysdig and Stratoshark",
		Long: `Writes the events of a recording (sensor record, or a capture around a match) as a capture (.scap), for the tools that read those:
Falco, sysdig, Stratoshark. FILE may be an old capture, too: it is written in today's form. A name that ends with .gz is packed by gzip,
which the tools read as it is. It needs neither root nor a kernel.`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return usageError(cmd, fmt.Errorf("%s: the arguments FILE and OUT.scap are missing", cmd.CommandPath()))
			case 1:
				return usageError(cmd, fmt.Errorf("%s: the argument OUT.scap is missing", cmd.CommandPath()))
			case 2:
				return nil
			}
			return usageError(cmd, fmt.Errorf("%s: unexpected argument %q", cmd.CommandPath(), args[2]))
		},
		RunE: func(_ *cobra.Command, args []string) error { return inspect.Convert(stderr, args[0], args[1], enter) },
	}
	cmd.Flags().BoolVar(&enter, "enter-events", false, "write the begin of each call, too, for older tools (sysdig 0.29)")
	return cmd
}
