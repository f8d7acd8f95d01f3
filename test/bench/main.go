// Command bench measures what the sensor costs and how fast it is, on the machine that it runs on, as root:
//
//	go run ./test/bench -sensor bin/sensor [-rules FILE]
//
// Costs are measured with and without the sensor by turns in one run, because machines are shared and noisy; the
// smallest of the rounds counts. The output is the table of docs/benchmarks.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == workerArg {
		if err := work(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench worker:", err)
			os.Exit(1)
		}
		return
	}
	b := bench{}
	flag.StringVar(&b.binary, "sensor", "bin/sensor", "the sensor's binary")
	flag.StringVar(&b.rules, "rules", "", "a rules file; empty for the built-in rules")
	flag.IntVar(&b.rounds, "rounds", 7, "rounds of each comparison")
	flag.Parse()
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	binary, rules string
	rounds        int
	dir           string
}

func (b *bench) run() error {
	dir, err := os.MkdirTemp("", "saker-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b.dir = dir
	fmt.Println("| measure | value |\n|---|---|")
	for _, part := range []func() error{b.ready, b.costs, b.rates, b.latency} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

func row(name, format string, args ...any) {
	fmt.Printf("| %s | %s |\n", name, fmt.Sprintf(format, args...))
}

// ready is the time from the start of the process to "ready", and the memory at that moment.
func (b *bench) ready() error {
	var fastest time.Duration
	var rss int
	for range b.rounds {
		begin := time.Now()
		s, err := b.start(b.rulesFlags()...)
		if err != nil {
			return err
		}
		if took := time.Since(begin); fastest == 0 || took < fastest {
			fastest = took
		}
		rss = s.rss()
		if _, err := s.stop(); err != nil {
			return err
		}
	}
	row("time to ready", "%v", fastest.Round(time.Millisecond))
	row("RSS when ready", "%.1f MB", float64(rss)/1e6)
	return nil
}

func (b *bench) rulesFlags() []string {
	if b.rules == "" {
		return nil
	}
	return []string{"-r", b.rules}
}

// costs compares system calls with and without the sensor.
func (b *bench) costs() error {
	loads := []struct {
		name, job string
		count     int
	}{
		{"getppid", "getppid", 1_000_000},
		{"open+close, matching no rule", "open", 200_000},
		{"fork+exec+wait of /bin/true", "exec", 500},
	}
	for _, l := range loads {
		var off, on, cpu float64
		for range b.rounds {
			ns, err := b.worker(l.job, l.count)
			if err != nil {
				return err
			}
			off = least(off, ns)
			s, err := b.start(b.rulesFlags()...)
			if err != nil {
				return err
			}
			before := s.cpu()
			ns, err = b.worker(l.job, l.count)
			if err != nil {
				return err
			}
			on = least(on, ns)
			cpu = least(cpu, float64(s.cpu()-before)/float64(l.count))
			lost, err := s.stop()
			if err != nil {
				return err
			}
			if lost > 0 {
				fmt.Fprintf(os.Stderr, "bench: %s: %d records lost in a round\n", l.name, lost)
			}
		}
		row(l.name, "%.0f → %.0f ns (+%.0f ns, +%.1f %%); the sensor's own CPU %.0f ns each", off, on, on-off, 100*(on-off)/off, cpu)
	}
	return nil
}

func least(a, b float64) float64 {
	if a == 0 || b < a {
		return b
	}
	return a
}
