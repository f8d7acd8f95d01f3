package main

import "fmt"

// target is an aim and how it was met.
type target struct {
	what, aim, ours string
	reached         bool
	// falco is Falco 0.44.1 with the same rules on a machine of the same kind: another run, on another day.
	falco string
}

// unchanged is the part by which two times may differ and still be called the same: what the rounds differ by.
const unchanged = 0.03

// targetsOf compares with the aims; without the published rules there is nothing to compare.
func targetsOf(samples []sample) []target {
	off := func(load string) figure { return figureOf(samples, load, "") }
	on := func(load string) figure { return figureOf(samples, load, publishedRules) }
	exec := func(load string) figure { return figureOf(samples, load, execRule) }
	for _, load := range []string{getppidLoad, openLoad, execLoad, fullRateLoad} {
		if on(load).rounds == 0 {
			return nil
		}
	}
	fromTo := func(off, on figure) string {
		return duration(off.ns) + " → " + duration(on.ns) + ", " + added(off.ns, on.ns)
	}
	same := func(off, on figure) bool { return on.ns <= off.ns*(1+unchanged) }
	rss := 0
	for _, load := range loadNames(samples) {
		rss = max(rss, on(load).rss)
	}
	return []target{
		{"getppid", "≤ +150 ns", fromTo(off(getppidLoad), on(getppidLoad)),
			on(getppidLoad).ns-off(getppidLoad).ns <= 150, "188 → 348 ns"},
		{"open+close, no rule's file", "≤ 3,900 ns", fromTo(off(openLoad), on(openLoad)), on(openLoad).ns <= 3900, "2,690 → 4,546 ns"},
		{"… the sensor's CPU", "≤ 1.0 µs", duration(on(openLoad).cpu), on(openLoad).cpu <= 1000, "3.3 µs"},
		{"exec of /bin/true", "≤ +4 %", fromTo(off(execLoad), on(execLoad)),
			on(execLoad).ns <= off(execLoad).ns*1.04, "641 → 710 µs (+10.8 %)"},
		{"… the sensor's CPU", "≤ 20 µs", duration(on(execLoad).cpu), on(execLoad).cpu <= 20_000, "82 µs"},
		{"RSS, the largest of all loads", "≤ 60 MB", megabytes(rss), rss <= 60_000_000, "98 MB"},
		{"records lost, one process opening at full rate", "0",
			fmt.Sprintf("%d at %s opens/s", on(fullRateLoad).lost, thousands(1e9/on(fullRateLoad).ns)),
			on(fullRateLoad).lost == 0, ""},
		{"one exec rule: getppid", "unchanged (≤ +3 %)", fromTo(off(getppidLoad), exec(getppidLoad)), same(off(getppidLoad), exec(getppidLoad)),
			""},
		{"one exec rule: open+close", "unchanged (≤ +3 %)", fromTo(off(openLoad), exec(openLoad)), same(off(openLoad), exec(openLoad)), ""},
	}
}

func targetTable(targets []target) string {
	var rows [][]string
	for _, t := range targets {
		reached := "yes"
		if !t.reached {
			reached = "**no**"
		}
		rows = append(rows, []string{t.what, t.aim, t.ours, reached, t.falco})
	}
	return table(false, []string{"with falco_rules.yaml", "aim", "Saker", "reached", "Falco 0.44.1, another run on another day"}, rows)
}
