package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/sensor"
)

// flags are Falco's, with Falco's letters.
type flags struct {
	source                             sourceFlags
	validate                           []string
	describe                           string
	list                               string
	format                             string
	pidfile                            string
	print                              string
	pluginInfo                         string
	enableSources, disableSources      []string
	describeAll, listEvents, namesOnly bool
	listPlugins, ignored, pageSize     bool
	dryRun, showVersion, unbuffered    bool
	ruleSchema, configSchema, support  bool
	markdown, verbose, noNarrow        bool
	seconds                            float64
	events                             string
}

func rootCommand(ctx context.Context, stdout, stderr io.Writer) *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:   "sensor",
		Short: "Runtime security for Linux hosts and Kubernetes nodes, by Falco rules",
		Long: `Watches the processes of this host and alerts by Falco rules.

Reads Falco's configuration file, by default the first of /etc/saker/saker.yaml and /etc/falco/falco.yaml that is there. Without any it
runs the built-in rules and prints alerts to standard output; its own log goes to standard error.`,
		Args:          f.args,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 { // --list SOURCE; Falco's users write it so
				f.list = args[0]
			}
			if err := f.check(cmd); err != nil {
				return usageError(cmd, err)
			}
			return run(ctx, stdout, stderr, &f)
		},
	}
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	cmd.SetFlagErrorFunc(flagError)
	cmd.SetHelpCommand(helpCommand())
	cmd.CompletionOptions.DisableDefaultCmd = true
	fs := cmd.Flags()
	fs.SortFlags = false
	f.source.add(fs)
	fs.Float64VarP(&f.seconds, "duration", "M", 0, "stop after this many `seconds`; 0, the default, does not stop")
	fs.StringVarP(&f.events, "events", "e", "", "take events from this recording or capture `file`, as sensor replay does")
	fs.StringArrayVarP(&f.validate, "validate", "V", nil, "validate this rules `file` and exit (repeatable)")
	fs.BoolVarP(&f.describeAll, "describe-rules", "L", false, "describe all rules and exit")
	fs.StringVarP(&f.describe, "describe-rule", "l", "", "describe the `rule` of this name and exit; sensor rules explain shows more")
	fs.StringVar(&f.list, "list", "", "list the fields that rules of a `source` may use and exit: syscall, k8s_audit or aws_cloudtrail")
	fs.Lookup("list").NoOptDefVal = "syscall"
	fs.BoolVarP(&f.namesOnly, "names", "N", false, "with --list: the names alone")
	fs.BoolVar(&f.listEvents, "list-events", false, "list the event types that rules may use and exit")
	fs.StringVar(&f.format, "format", "text", "with --list and --list-events: `text`, markdown or json")
	fs.BoolVarP(&f.ignored, "ignored", "i", false, "list the event types that are not captured and exit")
	fs.BoolVar(&f.listPlugins, "list-plugins", false, "list the loaded plugins and exit")
	fs.StringVar(&f.pluginInfo, "plugin-info", "", "describe the plugin of this `name` and exit")
	fs.BoolVar(&f.configSchema, "config-schema", false, "print the JSON schema of configuration files and exit")
	fs.BoolVar(&f.ruleSchema, "rule-schema", false, "print the JSON schema of rule files and exit")
	fs.BoolVar(&f.dryRun, "dry-run", false, "load everything, attach nothing, and exit")
	fs.BoolVar(&f.noNarrow, "no-narrow", false, "have the kernel send what no rule can match, too (narrow.enabled=false)")
	fs.BoolVarP(&f.unbuffered, "unbuffered", "U", false, "write each alert at once (the default)")
	fs.StringVarP(&f.pidfile, "pidfile", "P", "", "write the process id to this `file` while running")
	fs.StringArrayVar(&f.enableSources, "enable-source", nil, "read events of this `source` alone (repeatable), not of all that are loaded")
	fs.StringArrayVar(&f.disableSources, "disable-source", nil, "do not read events of this `source` (repeatable)")
	fs.BoolVar(&f.support, "support", false, "print what a report of a problem needs, as JSON, and exit")
	fs.BoolVar(&f.pageSize, "page-size", false, "print the system's page size and exit")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "log_level=debug")
	fs.StringVarP(&f.print, "print", "p", "", "append this `format` to each output")
	fs.BoolVar(&f.markdown, "markdown", false, "--format markdown")
	for _, deprecated := range []string{"print", "markdown"} {
		_ = fs.MarkHidden(deprecated) // it is defined
	}
	fs.BoolVar(&f.showVersion, "version", false, "print the version and exit")
	cmd.AddCommand(doctorCommand(stdout, stderr, &f.source), topCommand(ctx, stdout, stderr, &f.source),
		recordCommand(ctx, stdout, stderr, &f.source), replayCommand(ctx, stdout, stderr, &f.source), convertCommand(stderr),
		rulesCommand(ctx, stdout, stderr, &f.source), configCommand(stdout, stderr, &f.source))
	return cmd
}

func run(ctx context.Context, stdout, stderr io.Writer, f *flags) error {
	if done, err := answer(stdout, f); done {
		f.warnDeprecated(stderr)
		return err
	}
	loaded, err := f.source.read()
	if err != nil {
		return err
	}
	cfg := f.apply(loaded.Config)
	if done, err := answerFrom(stdout, stderr, f, loaded, cfg); done {
		f.warnDeprecated(stderr)
		return err
	}
	outliveReaders()
	f.warnDeprecated(stderr)
	if f.seconds > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(f.seconds*float64(time.Second)))
		defer cancel()
	}
	if cfg.Engine.Kind == config.KindReplay && !f.dryRun {
		return replayFiles(ctx, stdout, stderr, &config.Loaded{Config: cfg, Files: loaded.Files, Warnings: loaded.Warnings, Notes: loaded.Notes},
			sensor.ReplaySettings{Files: []string{cfg.Engine.Replay.CaptureFile}})
	}
	var logErrors atomic.Uint64
	log, err := newLog(stderr, &cfg, dialSyslog, &logErrors)
	if err != nil {
		return err
	}
	logLoaded(log, loaded)
	if f.pidfile != "" && !f.dryRun {
		remove, err := writePidfile(f.pidfile)
		if err != nil {
			return err
		}
		defer remove()
	}
	reopen, hangup := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(reopen, syscall.SIGUSR1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(reopen)
	defer signal.Stop(hangup)
	return sensor.Run(ctx, sensor.Settings{
		Config:    cfg,
		Files:     loaded.Files,
		Version:   version,
		DryRun:    f.dryRun,
		Stdout:    stdout,
		Stderr:    stderr,
		Reopen:    reopen,
		Hangup:    hangup,
		Log:       log,
		LogErrors: logErrors.Load,
		Reread: func() (*sensor.Reloaded, error) {
			again, err := f.source.read()
			if err != nil {
				return nil, err
			}
			logLoaded(log, again)
			return &sensor.Reloaded{Config: f.apply(again.Config), Files: again.Files}, nil
		},
	})
}

// outliveReaders lets the process go on when whoever reads its standard output or standard error has gone. By default Go ends a process
// that writes to such a pipe, by SIGPIPE, which is right for a command that answers and ends. Once somebody is notified of the signal, the
// write fails with EPIPE instead. To ignore the signal would not do: programs that the sensor starts would inherit that.
func outliveReaders() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// warnDeprecated tells of flags that Falco keeps for old scripts.
func (f *flags) warnDeprecated(stderr io.Writer) {
	if f.markdown {
		fmt.Fprintln(stderr, "Warning: --markdown is deprecated; use --format markdown")
	}
	if f.print != "" {
		fmt.Fprintln(stderr, "Warning: -p is deprecated; use append_output in the configuration file")
	}
}

// apply puts the flags that are settings into the configuration.
func (f *flags) apply(cfg config.Config) config.Config {
	cfg.Sources = config.SourceChoice{Enable: f.enableSources, Disable: f.disableSources}
	if f.unbuffered {
		cfg.BufferedOutputs = false
	}
	if f.events != "" {
		cfg.Engine.Kind, cfg.Engine.Replay.CaptureFile = config.KindReplay, f.events
	}
	if f.verbose {
		cfg.LogLevel = "debug"
	}
	if f.noNarrow {
		cfg.Narrow.Enabled = false
	}
	switch f.print {
	case "", "c", "container", "k", "kubernetes": // Falco's formats, whose fields every output has
	default:
		cfg.AppendOutput = append(cfg.AppendOutput, config.Append{Place: "option -p", ExtraOutput: f.print})
	}
	return cfg
}
