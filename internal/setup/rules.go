// Package setup turns the configuration into what each room is started with: the rule set, what the kernel is asked for, the
// container runtimes, the source of pods. It starts nothing.
package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/rules"
)

// Rules loads the configured rule files, or the built-in rules if none are. The rules are nil if a file has an
// error; the results say what is wrong.
func Rules(cfg config.Config) (*engine.Ruleset, rulefile.Results) {
	return Load(cfg, Sources(cfg))
}

// Sources reads the configured rule files, or returns the built-in one if none are configured.
func Sources(cfg config.Config) []rulefile.Source {
	if len(cfg.RulesFiles) > 0 {
		return ReadSources(cfg.RulesFiles)
	}
	return []rulefile.Source{{Name: rules.DefaultName, Content: rules.Default}}
}

// Load loads rule sources with the options that a configuration gives. The rules are nil if a source has an error.
func Load(cfg config.Config, sources []rulefile.Source) (*engine.Ruleset, rulefile.Results) {
	dicts := Dictionaries(&cfg)
	priority, ok := rulefile.ParsePriority(cfg.Priority)
	if !ok {
		return nil, rulefile.Results{Err: fmt.Errorf("read option priority: %q is no priority; use one of emergency … debug", cfg.Priority)}
	}
	return engine.Load(sources, engine.Options{
		Dictionary:  dicts[rulefile.SyscallSource],
		CheckOutput: outputCheck(dicts[rulefile.SyscallSource]),
		Sources:     engineSources(&cfg, dicts),
		Plugins:     pluginVersions(&cfg),
		MinPriority: priority,
		MatchAll:    cfg.RuleMatching == "all",
		Selection:   selection(cfg.Rules),
		Builtin:     &rulefile.Source{Name: rules.MacrosName, Content: rules.Macros},
	})
}

// selection puts the configuration's switches into the engine's words.
func selection(switches []config.RuleSwitch) []engine.Selector {
	var out []engine.Selector
	for _, s := range switches {
		if m := s.Enable; m != nil {
			out = append(out, engine.Selector{Enable: true, Rule: m.Rule, Tag: m.Tag})
		}
		if m := s.Disable; m != nil {
			out = append(out, engine.Selector{Rule: m.Rule, Tag: m.Tag})
		}
	}
	return out
}

// ReadSources reads rule files in their order; a directory stands for its YAML files, sorted by name.
func ReadSources(paths []string) []rulefile.Source {
	var out []rulefile.Source
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil || !st.IsDir() {
			out = append(out, readSource(p))
			continue
		}
		entries, err := os.ReadDir(p)
		if err != nil {
			out = append(out, rulefile.Source{Name: p, Err: readError(p, err)})
			continue
		}
		for _, e := range entries {
			if !e.IsDir() && config.IsRuleFile(e.Name()) {
				out = append(out, readSource(filepath.Join(p, e.Name())))
			}
		}
	}
	return out
}

// maxRuleFile bounds a rule file, in bytes; the largest published one has 0.2 MB.
const maxRuleFile = 16 << 20

func readSource(path string) rulefile.Source {
	st, err := os.Stat(path)
	if err == nil && st.Size() > maxRuleFile {
		return rulefile.Source{Name: path, Err: fmt.Errorf("rule file %s is larger than %d bytes; split it", path, maxRuleFile)}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return rulefile.Source{Name: path, Err: readError(path, err)}
	}
	return rulefile.Source{Name: path, Content: text}
}

func readError(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("read rule file %s: %w; check the path given with -r or rules_files", path, err)
}

// RulesError is the first error of the results in one line: file, line, column, what and the remedy.
func RulesError(results *rulefile.Results) error {
	for i := range results.Files {
		if f := &results.Files[i]; len(f.Errors) > 0 {
			return fileError(f)
		}
	}
	return results.Err
}

func fileError(f *rulefile.Result) error {
	p := &f.Errors[0]
	if p.Code == rulefile.ErrFileRead {
		return errors.New(p.Message) // readError's
	}
	at := p.At()
	text := fmt.Sprintf("load rules: %s:%d:%d: %s: %s", at.File, at.Line, at.Column, p.Code, strings.TrimSpace(p.Message))
	if p.Hint != "" {
		text += "; " + p.Hint
	}
	if n := len(f.Errors); n > 1 {
		text += fmt.Sprintf(" (and %d more: sensor -V %s)", n-1, f.Name)
	}
	return errors.New(text)
}

// Dictionary holds the fields that rules of the source syscall and their outputs may name.
func Dictionary(cfg config.Config) *field.Dictionary { return field.New(fieldSettings(&cfg)) }

func fieldSettings(cfg *config.Config) field.Settings {
	return field.Settings{Hostname: config.Hostname(), Static: cfg.StaticFields}
}
