package main

import (
	"fmt"
	"strings"
)

// table is a Markdown table; every column but the first is aligned to the right where numbers says so.
func table(numbers bool, head []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(head)
	align := "---|"
	if numbers {
		align = "--:|"
	}
	b.WriteString("|---|" + strings.Repeat(align, len(head)-1) + "\n")
	for _, r := range rows {
		line(r)
	}
	return b.String()
}

// costTables has a table for each set of rules.
func costTables(samples []sample) string {
	var b strings.Builder
	for _, rules := range rulesetNames(samples) {
		var rows [][]string
		for _, name := range loadNames(samples) {
			off, on := figureOf(samples, name, ""), figureOf(samples, name, rules)
			rows = append(rows, []string{
				name, duration(off.ns), duration(on.ns), added(off.ns, on.ns), duration(on.cpu),
				count(on.records), fmt.Sprint(on.lost), fmt.Sprint(on.dropped), megabytes(on.rss),
			})
		}
		fmt.Fprintf(&b, "### With %s\n\n%s\n", rules, table(true,
			[]string{"an operation", "without", "with", "added", "the sensor's CPU", "records", "records lost", "alerts dropped", "RSS"}, rows))
	}
	return b.String()
}

func hookTable(costs []hookCost) string {
	var rows [][]string
	for i, c := range costs {
		getppid, open := "", ""
		if i > 0 {
			getppid, open = added(costs[0].getppid, c.getppid), added(costs[0].open, c.open)
		}
		rows = append(rows, []string{c.name, duration(c.getppid), getppid, duration(c.open), open})
	}
	return table(true, []string{"empty programs on", "getppid", "added", "open+close", "added"}, rows)
}

func reactionTable(r *reaction) string {
	return table(true, []string{"measure", "value"}, [][]string{
		{"process start to ready", duration(float64(r.ready))},
		{"RSS when ready", megabytes(r.rss)},
		{"open to alert line, p50", duration(float64(r.p50))},
		{"open to alert line, p99", duration(float64(r.p99))},
	})
}

func roomTable(list []room) string {
	var rows [][]string
	for _, r := range list {
		rows = append(rows, []string{"`" + r.pkg + "`", r.name, strings.Join(r.values, ", ")})
	}
	return table(false, []string{"package", "benchmark", "values"}, rows)
}

// duration prints ns with three digits that count.
func duration(ns float64) string {
	switch {
	case ns < 9_995:
		return thousands(ns) + " ns"
	case ns < 9_995_000:
		return significant(ns/1e3) + " µs"
	case ns < 9_995_000_000:
		return significant(ns/1e6) + " ms"
	}
	return significant(ns/1e9) + " s"
}

func significant(v float64) string {
	switch {
	case v < 9.995:
		return fmt.Sprintf("%.2f", v)
	case v < 99.95:
		return fmt.Sprintf("%.1f", v)
	}
	return thousands(v)
}

// thousands prints a whole number with a comma before the last three digits.
func thousands(v float64) string {
	n := int(v + 0.5)
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// added is what was added to a time, and in percent.
func added(off, on float64) string {
	sign := "+"
	diff := on - off
	if diff < 0 {
		sign, diff = "−", -diff
	}
	return fmt.Sprintf("%s%s (%s)", sign, duration(diff), percent(off, on))
}

// percent is by how much a time grew.
func percent(off, on float64) string {
	return strings.Replace(fmt.Sprintf("%+.1f %%", 100*(on-off)/off), "-", "−", 1)
}

// count prints records of an operation.
func count(n float64) string {
	if n < 100 {
		return fmt.Sprintf("%.2f", n)
	}
	return thousands(n)
}

func megabytes(n int) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

func loadNames(samples []sample) (names []string) {
	for _, s := range samples {
		if len(names) == 0 || names[len(names)-1] != s.load.name {
			names = append(names, s.load.name)
		}
	}
	return names
}

// rulesetNames are those that were measured, in their order.
func rulesetNames(samples []sample) (names []string) {
	for _, known := range []string{defaultRules, execRule, publishedRules, allRules} {
		for _, s := range samples {
			if s.rules == known {
				names = append(names, known)
				break
			}
		}
	}
	return names
}
