package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rates finds how many opens a second, each of them a record, the sensor takes without a loss.
func (b *bench) rates() error {
	best := 0.0
	var rss int
	for _, rate := range []int{10_000, 50_000, 100_000, 150_000, 200_000, 300_000} {
		s, err := b.start(b.rulesFlags()...)
		if err != nil {
			return err
		}
		reached, err := b.worker("paced", 5, strconv.Itoa(rate))
		if err != nil {
			return err
		}
		rss = max(rss, s.rss())
		lost, err := s.stop()
		if err != nil {
			return err
		}
		row(fmt.Sprintf("%d opens/s asked for, 5 s", rate), "%.0f/s reached, %d lost", reached, lost)
		if lost > 0 || reached < 0.9*float64(rate) {
			if lost == 0 {
				best = max(best, reached)
			}
			break
		}
		best = max(best, reached)
	}
	row("opens/s without loss, one process", "%.0f", best)
	row("RSS under that load", "%.1f MB", float64(rss)/1e6)
	return nil
}

// latency is the time from just before an open to the moment when its alert can be read.
func (b *bench) latency() error {
	const samples = 500
	file := filepath.Join(b.dir, "alerting")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return err
	}
	rules := filepath.Join(b.dir, "rules.yaml")
	text := "- rule: Bench\n  desc: d\n  condition: evt.type = openat and fd.name startswith " + b.dir + "/alerting-\n  output: n=%fd.name\n  priority: NOTICE\n"
	if err := os.WriteFile(rules, []byte(text), 0o600); err != nil {
		return err
	}
	s, err := b.start("-r", rules)
	if err != nil {
		return err
	}
	// The bench itself opens; it is another process than the sensor.
	var took []time.Duration
	for i := range samples {
		name := fmt.Sprintf("%s-%d", file, i)
		if err := os.WriteFile(name+".tmp", nil, 0o600); err != nil {
			return err
		}
		if err := os.Rename(name+".tmp", name); err != nil {
			return err
		}
		begin := time.Now()
		if err := openClose(name); err != nil {
			return err
		}
		for {
			line, err := s.stdout.ReadBytes('\n')
			if err != nil {
				return err
			}
			if bytes.Contains(line, []byte("n="+name+" ")) || strings.HasSuffix(strings.TrimSpace(string(line)), "n="+name) {
				break
			}
		}
		took = append(took, time.Since(begin))
		time.Sleep(time.Duration(i%7) * time.Millisecond) // so that the samples fall anywhere in the reader's pause
	}
	slices.Sort(took)
	row("open to alert line, p50", "%v", took[samples/2].Round(10*time.Microsecond))
	row("open to alert line, p99", "%v", took[samples*99/100].Round(10*time.Microsecond))
	_, err = s.stop()
	return err
}
