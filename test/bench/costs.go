package main

import (
	"fmt"
	"regexp"
	"time"
)

// sample is one run of a load.
type sample struct {
	load *load
	// rules is the name of the set; empty without a sensor.
	rules string
	round int
	// ns and cpu are of one operation: the time that it took, and the processor time of the sensor's own.
	ns, cpu float64
	// rss is in bytes, at the end of the load.
	rss int
	totals
}

// costs runs each load without a sensor and with each set of rules. Each round begins with another of them, so that
// a machine that becomes slower or faster favours none.
func (b *bench) costs(wanted *regexp.Regexp) ([]sample, error) {
	sets, err := b.rulesets()
	if err != nil {
		return nil, err
	}
	loads, end, err := b.loads()
	if err != nil {
		return nil, fmt.Errorf("prepare the loads: %w", err)
	}
	defer end()
	turns := append([]ruleset{{}}, sets...)
	var samples []sample
	for i := range loads {
		l := &loads[i]
		if !wanted.MatchString(l.name) {
			continue
		}
		progress("%s: %d rounds of %d", l.name, l.rounds, len(turns))
		if _, err := l.run(); err != nil { // fills the caches
			return nil, err
		}
		begin := time.Now()
		for round := range l.rounds {
			if round > 0 && time.Since(begin) > b.patience() {
				progress("%s: the machine is busy: %d rounds are enough", l.name, round)
				break
			}
			for turn := range turns {
				s, err := b.measure(l, turns[(round+turn)%len(turns)])
				if err != nil {
					return nil, fmt.Errorf("measure %s: %w", l.name, err)
				}
				s.round = round + 1
				samples = append(samples, s)
			}
		}
	}
	return samples, checkMatched(samples)
}

// patience is how long the rounds of one load may take: on a busy machine a few of them are left out.
func (b *bench) patience() time.Duration {
	if b.quick {
		return 10 * time.Second
	}
	return 150 * time.Second
}

// measure runs a load once, with a sensor if the set of rules has a name.
func (b *bench) measure(l *load, rules ruleset) (sample, error) {
	out := sample{load: l, rules: rules.name}
	if l.prepare != nil {
		if err := l.prepare(); err != nil {
			return out, err
		}
	}
	var err error
	if rules.name == "" {
		out.ns, err = l.run()
		return out, err
	}
	s, err := b.start(nil, rules.flags...)
	if err != nil {
		return out, err
	}
	before := s.settled()
	var failed error
	if out.ns, failed = l.run(); failed == nil {
		out.cpu = float64(s.settled()-before) / float64(l.ops)
		out.rss = s.rss()
	}
	if out.totals, err = s.stop(); failed != nil {
		err = failed
	}
	return out, err
}

// checkMatched tells whether the load that is meant to match did; its figures would mean nothing otherwise.
func checkMatched(samples []sample) error {
	for _, s := range samples {
		matches := s.load.name == matchingLoad && s.rules != "" && s.rules != execRule
		if matches && s.alerts+s.dropped < s.load.ops-s.lost {
			return fmt.Errorf("measure %s: %s gave %d alerts and dropped %d for %d opens with %d losses", s.load.name, s.rules, s.alerts, s.dropped,
				s.load.ops, s.lost)
		}
	}
	return nil
}
