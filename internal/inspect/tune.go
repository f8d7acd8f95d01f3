package inspect

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/replay"
	"github.com/saker-sensor/saker/internal/setup"
	"github.com/saker-sensor/saker/internal/tune"
)

// TuneSettings say what is tuned, and where the answer goes.
type TuneSettings struct {
	// Files have the events.
	Files []string
	Rule  string
	// Groups bounds the groups that are shown. Force proposes exceptions of rules of priority Critical and above, too.
	Groups int
	Force  bool
	// Only are the numbers of the groups that are shown and written, from 1 on; none are all.
	Only []int
	// Write is a rules file to which the exceptions are added, HTML a page that is written; empty for none.
	Write, HTML string
	JSON        bool
}

// Tune prints the noisiest groups of alerts on recorded events, each with an exception that silences it alone.
func Tune(w io.Writer, cfg config.Config, s TuneSettings) error {
	sources := setup.Sources(cfg)
	report, err := tune.Run(tune.Settings{
		Sources: sources, Dictionary: setup.Dictionary(cfg), Rule: s.Rule, Groups: s.Groups, Severe: s.Force,
		Load: func(sources []rulefile.Source) (*engine.Ruleset, error) {
			rules, results := setup.Load(cfg, sources)
			if !results.Successful() {
				return nil, setup.RulesError(&results)
			}
			return rules, nil
		},
		Open: func() (tune.Source, error) { return replay.OpenAll(s.Files...) },
	})
	if err != nil {
		return err
	}
	if report.Groups, err = picked(report.Groups, s.Only); err != nil {
		return err
	}
	if s.HTML != "" {
		if err := writeTunePage(s.HTML, report); err != nil {
			return err
		}
	}
	if s.Write != "" {
		if err := addExceptions(s.Write, report); err != nil {
			return err
		}
	}
	if s.JSON {
		return writeJSON(w, report)
	}
	_, err = io.WriteString(w, tuneText(report))
	return err
}

// picked are the groups with these numbers.
func picked(all []*tune.Group, numbers []int) ([]*tune.Group, error) {
	if len(numbers) == 0 {
		return all, nil
	}
	var some []*tune.Group
	for _, n := range numbers {
		if n < 1 || n > len(all) {
			return nil, fmt.Errorf("tune rules: there is no group %d; there are %d, see --top", n, len(all))
		}
		some = append(some, all[n-1])
	}
	return some, nil
}

// tuneText is a table of the groups, and what becomes of each.
func tuneText(r *tune.Report) string {
	var b strings.Builder
	span := time.Duration(r.Last - r.First).Round(time.Second)
	fmt.Fprintf(&b, "%d alerts of %d rules on %d events in %s\n", r.Alerts, len(r.Rules), r.Events, span)
	if len(r.Groups) == 0 {
		return b.String()
	}
	b.WriteString("\n")
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "#\tALERTS\tRULE\tPROCESS\tPARENT\tWHERE\tFILE OR END")
	for i, g := range r.Groups {
		where := g.Value("container.image.repository", "container.id")
		if ns := g.Value("k8s.ns.name"); ns != "" {
			where += " in " + ns
		}
		what := g.Value("fd.name", "fd.directory", "fd.sip")
		if port := g.Value("fd.sport"); port != "" {
			what += " port " + port
		}
		fmt.Fprintf(table, "%d\t%d\t%s\t%s\t%s\t%s\t%s\n", i+1, g.Count, g.Rule, shown(g.Value("proc.exepath", "proc.name")),
			shown(g.Value("proc.pexepath", "proc.pname")), shown(where), shown(what))
	}
	_ = table.Flush() // to a strings.Builder
	if r.Others > 0 || r.Ungrouped > 0 {
		fmt.Fprintf(&b, "%d smaller groups are not shown; %d alerts had no room in a group\n", r.Others, r.Ungrouped)
	}
	for i, g := range r.Groups {
		if g.Exception == nil {
			fmt.Fprintf(&b, "\n# %d: no exception: %s\n", i+1, g.Why)
			continue
		}
		fmt.Fprintf(&b, "\n# %d: %s\n%s", i+1, effect(g.Exception), g.Exception.YAML)
	}
	return b.String()
}

// effect says what an exception did to the alerts of its rule.
func effect(e *tune.Exception) string {
	text := fmt.Sprintf("%d alerts go, %d stay", e.Gone, e.Stay)
	if e.New > 0 {
		text += fmt.Sprintf("; %d of other rules come in their place", e.New)
	}
	return text
}

// shown is a value for a terminal.
func shown(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

// addExceptions appends the exceptions to a rules file, which is replaced whole or not at all.
func addExceptions(path string, r *tune.Report) error {
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("write the exceptions: %w", err)
	}
	text := string(before)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	for _, g := range r.Groups {
		if g.Exception == nil || strings.Contains(text, g.Exception.YAML) {
			continue
		}
		text += fmt.Sprintf("\n# %s\n%s", effect(g.Exception), g.Exception.YAML)
	}
	return replaceFile(path, text)
}

// replaceFile writes a file beside the one that it takes the place of.
func replaceFile(path, text string) error {
	mode := os.FileMode(0o644)
	if st, err := os.Stat(path); err == nil {
		mode = st.Mode().Perm()
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, []byte(text), mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(tmp))
	}
	return nil
}

func writeTunePage(path string, r *tune.Report) error {
	page, err := tune.Page(r)
	if err != nil {
		return err
	}
	return replaceFile(path, page)
}
