package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/sensor"
)

func doctorCommand(stdout io.Writer) *cobra.Command {
	var rules, options []string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this kernel and host offer and what is missing, each with its remedy",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := config.Load(options)
			if err != nil {
				return err
			}
			if len(rules) > 0 {
				cfg.RulesFiles = rules
			}
			return sensor.WriteFindings(stdout, sensor.Doctor(cfg))
		},
	}
	cmd.Flags().StringArrayVarP(&rules, "rules", "r", nil, "the rules `file or directory` that will be used (repeatable)")
	cmd.Flags().StringArrayVarP(&options, "option", "o", nil, "the configuration `key=value` that will be used (repeatable)")
	return cmd
}
