package inspect

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sync/atomic"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/replay"
	"github.com/saker-sensor/saker/internal/ruletest"
	"github.com/saker-sensor/saker/internal/ruletest/report"
	"github.com/saker-sensor/saker/internal/setup"
	"github.com/saker-sensor/saker/internal/yamltree"
	"github.com/saker-sensor/saker/rules"
)

// ErrFailed: tests of rules failed, which were printed.
var ErrFailed = fmt.Errorf("tests failed: %w", ErrInvalid)

// TestSettings say how tests of rules are run and what is printed of them.
type TestSettings struct {
	// Format is text, json or junit. Verbose prints the tests that passed as well.
	Format  string
	Verbose bool
	// Run is a regular expression that chooses tests by their names; empty runs all.
	Run      string
	Coverage bool
	// OwnRules: the configuration's rules are meant, whatever a file of tests says.
	OwnRules bool
}

// Test runs files of tests, and those of folders, and prints what became of them. The error is [ErrFailed] if a test failed.
func Test(w io.Writer, cfg config.Config, paths []string, s TestSettings) error {
	write := map[string]func(*report.Report) error{
		"text":  func(r *report.Report) error { return r.Text(w, s.Verbose) },
		"json":  func(r *report.Report) error { return r.JSON(w) },
		"junit": func(r *report.Report) error { return r.JUnit(w) },
	}[s.Format]
	if write == nil {
		return fmt.Errorf("test rules: the format %q is unknown; use text, json or junit", s.Format)
	}
	run, err := regexp.Compile(s.Run)
	if err != nil {
		return fmt.Errorf("test rules: read the expression of --run: %w", err)
	}
	options, err := setup.AlertOptions(&cfg, new(atomic.Uint64))
	if err != nil {
		return err
	}
	files, err := testFiles(paths)
	if err != nil {
		return err
	}
	r := ruletest.NewRunner(ruletest.Settings{
		Load: func(c ruletest.Choice) (*engine.Ruleset, error) { return loadChoice(cfg, c, s.OwnRules) },
		Open: openRecording, Render: options, Run: run, Coverage: s.Coverage,
	})
	var out report.Report
	for _, path := range files {
		text, err := readTests(path)
		if err != nil {
			return err
		}
		out.Files = append(out.Files, r.File(path, text))
	}
	out.Coverage = r.Coverage()
	if err := write(&out); err != nil {
		return err
	}
	if out.Failed() {
		return ErrFailed
	}
	return nil
}

func openRecording(path string) (ruletest.Source, error) { return replay.Open(path) }

// loadChoice loads the rules that a file of tests chooses, or the configured ones.
func loadChoice(cfg config.Config, c ruletest.Choice, own bool) (*engine.Ruleset, error) {
	if c.Matching != "" {
		cfg.RuleMatching = c.Matching
	}
	sources := setup.Sources(cfg)
	if len(c.Files) > 0 && !own {
		sources = nil
		for _, path := range c.Files {
			if path == ruletest.DefaultRules {
				sources = append(sources, rulefile.Source{Name: rules.DefaultName, Content: rules.Default})
				continue
			}
			sources = append(sources, setup.ReadSources([]string{path})...)
		}
	}
	rs, results := setup.Load(cfg, sources)
	if !results.Successful() {
		return nil, setup.RulesError(&results)
	}
	return rs, nil
}

// testFiles are the files of tests: a folder stands for its YAML files, sorted by name.
func testFiles(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		st, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, fmt.Errorf("read tests %s: %w; check the path", path, withoutPath(err))
		case !st.IsDir():
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fmt.Errorf("read tests %s: %w", path, withoutPath(err))
		}
		n := len(files)
		for _, e := range entries {
			if !e.IsDir() && config.IsRuleFile(e.Name()) {
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
		if len(files) == n {
			return nil, fmt.Errorf("read tests %s: the directory holds no file of tests (*.yaml, *.yml)", path)
		}
	}
	return files, nil
}

func readTests(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err == nil && st.Size() > yamltree.MaxSize {
		return nil, fmt.Errorf("read tests %s: the file is larger than %d bytes; split it", path, yamltree.MaxSize)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read tests %s: %w; check the path", path, withoutPath(err))
	}
	return text, nil
}

func withoutPath(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
