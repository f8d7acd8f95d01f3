package main

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// maxSeconds bounds -M: a hundred years, which a time.Duration can hold.
const maxSeconds = 100 * 365 * 24 * 60 * 60

// usageError is a mistake in the command line, with where the right form is shown.
func usageError(cmd *cobra.Command, err error) error {
	return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
}

// flagError is an error of a flag in words of the command line; those of Go's parsers say nothing to its user.
func flagError(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		f := invalid.GetFlag()
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		err = fmt.Errorf("flag %s: %q is not %s", name, invalid.GetValue(), valueKind(f.Value.Type()))
	}
	return usageError(cmd, err)
}

// valueKind names what a flag takes, by pflag's name of its type.
func valueKind(typ string) string {
	switch typ {
	case "int":
		return "a whole number"
	case "uint64":
		return "a whole number from 0"
	case "float64":
		return "a number"
	case "bool":
		return "true or false"
	}
	return "of type " + typ
}

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasSubCommands() {
		err := fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(near, " or "))
		}
		return usageError(cmd, err)
	}
	return usageError(cmd, fmt.Errorf("unexpected argument %q for %q", args[0], cmd.CommandPath()))
}

// oneArg asks for one argument, which is called what in the usage.
func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return usageError(cmd, fmt.Errorf("%s: the argument %s is missing", cmd.CommandPath(), what))
		case len(args) > 1:
			return usageError(cmd, fmt.Errorf("%s: unexpected argument %q; a %s with blanks needs quotes", cmd.CommandPath(), args[1], what))
		}
		return nil
	}
}

// args are those of the command without a subcommand: none, but for the source of --list.
func (f *flags) args(cmd *cobra.Command, args []string) error {
	if len(args) == 1 && cmd.Flags().Changed("list") && f.list == cmd.Flags().Lookup("list").NoOptDefVal {
		return nil
	}
	return noArgs(cmd, args)
}

// check refuses values of flags that can't be meant.
func (f *flags) check(cmd *cobra.Command) error {
	if s := f.seconds; math.IsNaN(s) || s < 0 || s > maxSeconds {
		return fmt.Errorf("flag -M, --duration: %v is not a number of seconds from 0 to %d", s, maxSeconds)
	}
	for _, name := range []string{"describe-rule", "plugin-info"} {
		if fl := cmd.Flags().Lookup(name); fl.Changed && fl.Value.String() == "" {
			return fmt.Errorf("flag --%s: the %s is empty", name, valueName(fl))
		}
	}
	return nil
}

// valueName is what the usage calls a flag's value.
func valueName(f *pflag.Flag) string {
	name, _ := pflag.UnquoteUsage(f)
	return name
}

// helpCommand is cobra's, but what it does not know is an error.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usageError(cmd.Root(), fmt.Errorf("there is no command %q to help with", strings.Join(args, " ")))
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}
