package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/saker-sensor/saker/internal/inspect"
)

func rulesCommand(ctx context.Context, stdout, stderr io.Writer, source *sourceFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Explain and check rules",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "explain RULE",
		Short: "Show a rule with lists, macros and exceptions put in, its event types, and where each line came from",
		Args:  oneArg("RULE"),
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := source.load(stderr)
			if err != nil {
				return err
			}
			return inspect.Explain(stdout, cfg, args[0])
		},
	}, &cobra.Command{
		Use:   "lint [FILE…]",
		Short: "Report rules that another one shadows, conditions that can't be true, unused lists and macros, and filters with no event type",
		Long: `Reports, a line each, the errors and warnings of rule files, and beyond them rules that another one shadows and
conditions that can't be true. Without files it looks at the configured rules. The exit code is 1 only if a file has errors.`,
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := source.load(stderr)
			if err != nil {
				return err
			}
			return inspect.Lint(stdout, cfg, args)
		},
	})
	cmd.AddCommand(tuneCommand(ctx, stdout, stderr, source))
	source.add(cmd.PersistentFlags())
	return cmd
}
