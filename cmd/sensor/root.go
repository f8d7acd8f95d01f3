package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/sensor"
)

// flags are Falco's, with Falco's letters.
type flags struct {
	rules, options, validate           []string
	describe                           string
	list                               string
	format                             string
	describeAll, listEvents, namesOnly bool
	dryRun, showVersion, unbuffered    bool
	ruleSchema                         bool
	seconds                            float64
}

func rootCommand(ctx context.Context, stdout, stderr io.Writer) *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:   "sensor",
		Short: "Runtime security for Linux hosts and Kubernetes nodes, by Falco rules",
		Long: `Watches the processes of this host and alerts by Falco rules.

Without any flag it runs the built-in rules and prints alerts to standard output; its own log goes to standard error.`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(*cobra.Command, []string) error {
			return run(ctx, stdout, stderr, &f)
		},
	}
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	cmd.CompletionOptions.DisableDefaultCmd = true
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringArrayVarP(&f.rules, "rules", "r", nil, "load rules from this `file or directory` (repeatable); replaces the built-in rules")
	fs.StringArrayVarP(&f.options, "option", "o", nil, "set a configuration `key=value` as in falco.yaml (repeatable)")
	fs.Float64VarP(&f.seconds, "duration", "M", 0, "stop after this many `seconds`")
	fs.StringArrayVarP(&f.validate, "validate", "V", nil, "validate this rules `file` and exit (repeatable)")
	fs.BoolVarP(&f.describeAll, "describe-rules", "L", false, "describe all rules and exit")
	fs.StringVarP(&f.describe, "describe-rule", "l", "", "describe the `rule` of this name and exit")
	fs.StringVar(&f.list, "list", "", "list the fields that rules may use and exit; the only `source` is syscall")
	fs.Lookup("list").NoOptDefVal = "syscall"
	fs.BoolVarP(&f.namesOnly, "names", "N", false, "with --list: the names alone")
	fs.BoolVar(&f.listEvents, "list-events", false, "list the event types that rules may use and exit")
	fs.StringVar(&f.format, "format", "text", "with --list and --list-events: `text`, markdown or json")
	fs.BoolVar(&f.ruleSchema, "rule-schema", false, "print the JSON schema of rule files and exit")
	fs.BoolVar(&f.dryRun, "dry-run", false, "load everything, attach nothing, and exit")
	fs.BoolVarP(&f.unbuffered, "unbuffered", "U", false, "write each alert at once (the default)")
	fs.BoolVar(&f.showVersion, "version", false, "print the version and exit")
	cmd.AddCommand(doctorCommand(stdout), rulesCommand(stdout))
	return cmd
}

func run(ctx context.Context, stdout, stderr io.Writer, f *flags) error {
	if f.showVersion {
		_, err := fmt.Fprint(stdout, versionText())
		return err
	}
	switch {
	case f.list != "" && f.list != "syscall":
		return fmt.Errorf("list the fields: source %q is unknown; the only one is syscall", f.list)
	case f.list != "":
		return sensor.ListFields(stdout, f.format, f.namesOnly)
	case f.listEvents:
		return sensor.ListEvents(stdout, f.format)
	case f.ruleSchema:
		return sensor.RuleSchema(stdout)
	}
	cfg, err := config.Load(f.options)
	if err != nil {
		return err
	}
	if len(f.rules) > 0 {
		cfg.RulesFiles = f.rules
	}
	if f.unbuffered {
		cfg.BufferedOutputs = false
	}
	switch {
	case len(f.validate) > 0:
		return sensor.Validate(stdout, cfg, f.validate)
	case f.describeAll:
		return sensor.Describe(stdout, cfg, "")
	case f.describe != "":
		return sensor.Describe(stdout, cfg, f.describe)
	}
	log, err := newLog(stderr, cfg.LogLevel)
	if err != nil {
		return err
	}
	if f.seconds > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(f.seconds*float64(time.Second)))
		defer cancel()
	}
	return sensor.Run(ctx, sensor.Settings{
		Config:  cfg,
		Version: version,
		DryRun:  f.dryRun,
		Stdout:  stdout,
		Stderr:  stderr,
		Log:     log,
	})
}
