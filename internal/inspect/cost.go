package inspect

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/cost"
	"github.com/saker-sensor/saker/internal/replay"
	"github.com/saker-sensor/saker/internal/setup"
)

// CostSettings say what is measured, and how it is shown.
type CostSettings struct {
	// Files have the events.
	Files []string
	// Rules bounds the rules that are shown.
	Rules int
	JSON  bool
}

// Cost ranks the enabled rules by the events that the kernel sends for them, and says for each what would make that less.
func Cost(w io.Writer, cfg config.Config, s CostSettings) error {
	cfg.RuleMatching = "all"
	set, results := setup.Rules(cfg)
	if !results.Successful() {
		return setup.RulesError(&results)
	}
	narrowing, err := setup.Narrow(cfg, set)
	if err != nil {
		return err
	}
	var rules []cost.Rule
	for _, r := range set.Rules() {
		if r.Enabled {
			rules = append(rules, cost.Rule{Rule: r, Narrow: narrowing.Rules[len(rules)]})
		}
	}
	source, err := replay.OpenAll(s.Files...)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	report, err := cost.Run(set, rules, source)
	if err != nil {
		return err
	}
	report.Rules = report.Rules[:min(len(report.Rules), s.Rules)]
	if s.JSON {
		return writeJSON(w, report)
	}
	_, err = io.WriteString(w, costText(report))
	return err
}

// costText is a table of the rules, and what would narrow each.
func costText(r *cost.Report) string {
	var b strings.Builder
	span := time.Duration(r.Last - r.First).Round(time.Second)
	fmt.Fprintf(&b, "%d events in %s, %d of them of types that are always sent\n\n", r.Events, span, r.Always)
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "#\tSENT\tFOR IT ALONE\tOF ITS TYPES\tMATCHES\tRULE\tMOSTLY")
	for i, c := range r.Rules {
		mostly := "-"
		if c.Most.Count > 0 {
			mostly = fmt.Sprintf("%s by %s (%d)", c.Most.Type, shown(c.Most.Program), c.Most.Count)
		}
		fmt.Fprintf(table, "%d\t%d\t%d\t%d\t%d\t%s\t%s\n", i+1, c.Sent, c.Alone, c.OfTypes, c.Matched, shown(c.Rule), mostly)
	}
	_ = table.Flush() // to a strings.Builder
	for i, c := range r.Rules {
		if len(c.Narrower) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n# %d: %s\n", i+1, shown(c.Rule))
		for _, hint := range c.Narrower {
			fmt.Fprintf(&b, "  - %s\n", shown(hint))
		}
	}
	return b.String()
}
