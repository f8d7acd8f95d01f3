package main

import (
	"fmt"
	"io"
	"strings"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/config"
)

// sourceFlags say what the configuration is read from. All commands have them.
type sourceFlags struct {
	file           string
	rules, options []string
}

// flagSet is the part of a command's flags that sourceFlags need.
type flagSet interface {
	StringVarP(p *string, name, letter, value, usage string)
	StringArrayVarP(p *[]string, name, letter string, value []string, usage string)
}

func (s *sourceFlags) add(fs flagSet) {
	fs.StringVarP(
		&s.file,
		"config",
		"c",
		"",
		"read this configuration `file` instead of the first of "+strings.Join(config.DefaultFiles(), ", "),
	)
	fs.StringArrayVarP(
		&s.rules,
		"rules",
		"r",
		nil,
		"load rules from this `file or directory` (repeatable); replaces the configured or built-in rules",
	)
	fs.StringArrayVarP(&s.options, "option", "o", nil, "set a configuration `key=value` as in falco.yaml (repeatable)")
}

func (s *sourceFlags) read() (*config.Loaded, error) {
	return config.Load(config.Source{File: s.file, Options: s.options, Rules: s.rules})
}

// load is read for a command that prints something: warnings go to stderr, a line each.
func (s *sourceFlags) load(stderr io.Writer) (config.Config, error) {
	loaded, err := s.read()
	if err != nil {
		return config.Config{}, err
	}
	writeWarnings(stderr, loaded)
	return loaded.Config, nil
}

func writeWarnings(stderr io.Writer, loaded *config.Loaded) {
	for _, w := range loaded.Warnings {
		fmt.Fprintf(stderr, "Warning: %s\n", w)
	}
}

// logLoaded tells the log which files count, and what in them has no effect.
func logLoaded(log *zap.Logger, loaded *config.Loaded) {
	if len(loaded.Files) == 0 {
		log.Debug("configuration: the built-in defaults; there is no file")
	} else {
		log.Info("configuration", zap.Strings("files", loaded.Files))
	}
	for _, w := range loaded.Warnings {
		log.Warn("configuration: " + w)
	}
	for _, n := range loaded.Notes {
		log.Info("configuration: " + n)
	}
}
