package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/saker-sensor/saker/internal/inspect"
)

func rulesCommand(ctx context.Context, stdout, stderr io.Writer, source *sourceFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Explain, check and test rules",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(rulesExplainCommand(stdout, stderr, source), &cobra.Command{
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
	}, rulesTestCommand(stdout, stderr, source), tuneCommand(ctx, stdout, stderr, source), costCommand(ctx, stdout, stderr, source))
	source.add(cmd.PersistentFlags())
	return cmd
}

func rulesExplainCommand(stdout, stderr io.Writer, source *sourceFlags) *cobra.Command {
	var q inspect.EventQuery
	var whyNot bool
	cmd := &cobra.Command{
		Use:   "explain RULE [--event N FILE | --why-not FILE]",
		Short: "Show a rule with lists, macros and exceptions put in, its event types, and where each line came from; or what it says of events",
		Long: `Shows a rule with lists, macros and exceptions put in, its event types, and where each line came from.

With --event N, shows which parts of the condition are true, false or missing for event N of FILE, with the values. With --why-not,
shows the same of the three events of FILE that came nearest to the condition and do not match. FILE is a file of tests
(*.yaml, see docs/testing-rules.md) or a recording.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			events := cmd.Flags().Changed("event") || whyNot
			if !events {
				if err := oneArg("RULE")(cmd, args); err != nil {
					return err
				}
			} else if len(args) != 2 {
				return usageError(cmd, fmt.Errorf("%s: write the RULE and the FILE of the events", cmd.CommandPath()))
			} else if whyNot == (q.Event > 0) {
				return usageError(cmd, errors.New("write --event with a number from 1, or --why-not"))
			}
			cfg, err := source.load(stderr)
			if err != nil {
				return err
			}
			if !events {
				return inspect.Explain(stdout, cfg, args[0])
			}
			q.Rule, q.File, q.OwnRules = args[0], args[1], len(source.rules) > 0
			return inspect.ExplainEvents(stdout, cfg, q)
		},
	}
	cmd.Flags().Uint64Var(&q.Event, "event", 0, "explain the rule for the event of this `number` in FILE")
	cmd.Flags().BoolVar(&whyNot, "why-not", false, "explain the rule for the events of FILE that came nearest, and do not match")
	return cmd
}

func rulesTestCommand(stdout, stderr io.Writer, source *sourceFlags) *cobra.Command {
	var s inspect.TestSettings
	cmd := &cobra.Command{
		Use:   "test FILE…",
		Short: "Run tests of rules: events, and the alerts that they must or must not cause",
		Long: `Runs files of tests (docs/testing-rules.md); a directory stands for its *.yaml and *.yml files. A file may name the
rules that it is about; -r names others. The exit code is 1 if a test fails or a file can't be read.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(cmd, fmt.Errorf("%s: the argument FILE is missing", cmd.CommandPath()))
			}
			cfg, err := source.load(stderr)
			if err != nil {
				return err
			}
			s.OwnRules = len(source.rules) > 0
			return inspect.Test(stdout, cfg, args, s)
		},
	}
	cmd.Flags().StringVar(&s.Format, "format", "text", "print `text`, json or junit")
	cmd.Flags().BoolVarP(&s.Verbose, "verbose", "v", false, "print the tests that pass, and all alerts")
	cmd.Flags().StringVar(&s.Run, "run", "", "run only tests whose names match this regular `expression`")
	cmd.Flags().BoolVar(&s.Coverage, "coverage", false, "report rules that never fired, and comparisons that were never true or never false")
	return cmd
}
