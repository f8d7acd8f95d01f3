// Command bench measures what the sensor costs and how fast it is, on the machine that it runs on, as root, from the
// repository's root:
//
//	test/bench/install && go run ./test/bench [-quick] [-only REGEXP | -programs] [-update] [-profile DIR]
//
// Every load runs without a sensor and with each set of rules by turns, in one run, because machines are shared and
// noisy. The tables go to standard output; with -update into docs/benchmarks.md, the samples and the plots into docs/bench.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

const (
	document = "docs/benchmarks.md"
	// results is where -update puts the samples and the plots.
	results = "docs/bench"
	// cache is what test/bench/install has filled.
	cache = ".cache/bench"
)

// bench is one run of this program.
type bench struct {
	sensor string
	quick  bool
	// programsOnly: measure programs, and nothing else.
	programsOnly bool
	// dir is for this run alone, and removed at its end. In it are worker, the compiled helper, and plain, a file that
	// no rule is about.
	dir, worker, plain string
}

func main() {
	b := &bench{}
	var only, profile string
	var update bool
	flag.StringVar(&b.sensor, "sensor", "bin/sensor", "the sensor's binary")
	flag.BoolVar(&b.quick, "quick", false, "few rounds: to see that all works, not for figures")
	flag.StringVar(&only, "only", "", "run the loads whose name this regular expression matches, and nothing else")
	flag.BoolVar(&update, "update", false, "renew "+document+" and "+results)
	flag.StringVar(&profile, "profile", "",
		"keep a profile of the sensor and of the kernel under the exec load in this folder, and do nothing else")
	flag.BoolVar(&b.programsOnly, "programs", false, "measure the times of the sensor's programs, and nothing else")
	flag.Parse()
	if err := b.run(only, profile, update); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(only, profile string, update bool) (err error) {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("read flag -only: %w", err)
	}
	if only != "" && update {
		return fmt.Errorf("read the flags: -update renews everything, -only measures a part")
	}
	if b.dir, err = os.MkdirTemp("", "saker-bench-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.dir) }()
	// In a folder of its own: the sensor watches the folder of its rule files, and the kernel looks at each open below it.
	b.plain = b.file("files/plain")
	if err := os.Mkdir(filepath.Dir(b.plain), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(b.plain, nil, 0o600); err != nil {
		return err
	}
	if err := b.buildWorker(); err != nil {
		return err
	}
	if profile != "" {
		return b.profile(profile)
	}
	r := &report{machine: thisMachine(b.quick)}
	if only == "" || b.programsOnly {
		if r.programs, err = b.programs(); err != nil {
			return err
		}
	}
	if b.programsOnly {
		if !update {
			return r.print(os.Stdout)
		}
		return r.update(document, results)
	}
	if only == "" { // the short ones first: what fails should fail soon
		if r.hooks, err = b.hooks(); err != nil {
			return err
		}
		if r.reaction, err = b.reaction(); err != nil {
			return err
		}
		if r.rooms, err = b.rooms(); err != nil {
			return err
		}
	}
	if r.samples, err = b.costs(wanted); err != nil {
		return err
	}
	if !update {
		return r.print(os.Stdout)
	}
	return r.update(document, results)
}

// progress tells what is being done; the figures go to standard output.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// file is a path in the folder of this run.
func (b *bench) file(name string) string { return filepath.Join(b.dir, name) }
