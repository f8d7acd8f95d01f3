package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/inspect"
)

func configCommand(stdout, stderr io.Writer, source *sourceFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show and check the configuration",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "show",
		Short: "Print the effective settings, each with where it came from: the default, file:line, or the option",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			loaded, err := source.read()
			if err != nil {
				return err
			}
			writeWarnings(stderr, loaded)
			return loaded.Show(stdout)
		},
	}, &cobra.Command{
		Use:   "check [FILE…]",
		Short: "Report the mistakes of configuration files, and what in them has no effect",
		Long: `Reports, a line each, the mistakes of configuration files, unknown keys, and keys that have no effect, with the reason. Without
files it looks at the one that would be used. The exit code is 1 only if a file has mistakes.`,
		RunE: func(_ *cobra.Command, files []string) error {
			if len(files) == 0 {
				files = []string{source.file}
			}
			return checkFiles(stdout, files, source)
		},
	})
	source.add(cmd.PersistentFlags())
	return cmd
}

func checkFiles(w io.Writer, files []string, source *sourceFlags) error {
	bad := false
	for _, f := range files {
		loaded, err := config.Load(config.Source{File: f, Options: source.options, Rules: source.rules})
		if err != nil {
			bad = true
			fmt.Fprintln(w, err)
			continue
		}
		for _, text := range loaded.Warnings {
			fmt.Fprintf(w, "warning: %s\n", text)
		}
		for _, text := range loaded.Notes {
			fmt.Fprintf(w, "note: %s\n", text)
		}
		if len(loaded.Files) == 0 {
			fmt.Fprintf(w, "no configuration file: none of %s is there; the built-in defaults apply\n", strings.Join(config.DefaultFiles(), ", "))
		}
		for _, read := range loaded.Files {
			fmt.Fprintf(w, "%s: Ok\n", read)
		}
	}
	if bad {
		return inspect.ErrInvalid
	}
	return nil
}
