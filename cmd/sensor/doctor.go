package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/saker-sensor/saker/internal/inspect"
)

func doctorCommand(stdout, stderr io.Writer, source *sourceFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this kernel and host offer and what is missing, each with its remedy",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := source.load(stderr)
			if err != nil {
				return err
			}
			return inspect.WriteFindings(stdout, inspect.Doctor(cfg))
		},
	}
	source.add(cmd.Flags())
	return cmd
}
