package main

import "slices"

// figure sums up the rounds of one load with one set of rules.
type figure struct {
	// ns and cpu are those of one operation: the smallest, or the median where the load asks for it.
	ns, cpu float64
	// records is the median of those sent, for each operation.
	records float64
	// lost and dropped are sums over the rounds; rss is the largest.
	lost, dropped, rss int
	rounds             int
}

// figureOf sums up; without a sample it has no rounds.
func figureOf(samples []sample, load, rules string) figure {
	var f figure
	var ns, cpu, records []float64
	median := false
	for _, s := range samples {
		if s.load.name != load || s.rules != rules {
			continue
		}
		ns, cpu = append(ns, s.ns), append(cpu, s.cpu)
		records = append(records, float64(s.sent)/float64(s.load.ops))
		f.lost += s.lost
		f.dropped += s.dropped
		f.rss = max(f.rss, s.rss)
		f.rounds++
		median = s.load.median
	}
	if f.rounds == 0 {
		return f
	}
	f.ns, f.cpu, f.records = slices.Min(ns), slices.Min(cpu), middle(records)
	if median {
		f.ns, f.cpu = middle(ns), middle(cpu)
	}
	return f
}

// middle is the median; it sorts its argument.
func middle(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[n/2] + values[(n-1)/2]) / 2
}
