// Command matrix runs the kernel tests on each kernel, as root, from the repository's root:
//
//	test/matrix/install && go run ./test/matrix [-short] [-only 6.1] [-layout v2] [-run REGEXP] [-update]
//
// The running kernel runs them natively, Debian's in a QEMU machine under plain emulation. What makes the exit status 1: a test that
// fails, a machine that does not come to its end, a test that a newer kernel skips although an older one of the same architecture passes
// it, and a test that an architecture must run ([arch]) and skips.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// suite is a test binary that the machines of an architecture run: its name, and the folder of its source.
type suite struct{ name, dir, goarch string }

var suites = []suite{
	{"ia32", "internal/ia32", "amd64"},
	{"call", "internal/call", "arm64"}, // these two run natively in every "make check"
	{"decode", "internal/decode", "arm64"},
	{"probe", "internal/probe", ""},
	{"kernel", "test/kernel", ""},
}

func suitesOf(goarch string) (of []suite) {
	for _, s := range suites {
		if s.goarch == "" || s.goarch == goarch {
			of = append(of, s)
		}
	}
	return of
}

// machines are the kernels, older ones first, with the cgroup layouts that each is run with, and the tests that it runs with -short.
var machines = []struct{ series, goarch, layout, short string }{
	{"5.10", "amd64", "v1", allTests},
	{"5.10", "amd64", "v2", layoutTests},
	{"6.1", "amd64", "v1", layoutTests},
	{"6.1", "amd64", "hybrid", allTests},
	{"6.1", "amd64", "v2", layoutTests},
	{"6.12", "amd64", "v1", layoutTests},
	{"6.12", "amd64", "hybrid", layoutTests},
	{"6.12", "amd64", "v2", allTests},
	{"6.12-arm64", "arm64", "v2", archTests},
}

const allTests = ""

// archTests are the tests whose result depends on the architecture: numbers and registers of system calls, flags, 32-bit callers, and what
// of the programs the verifier takes.
const archTests = "^Test(VerifiedInstructions|Calls|GenericCall|Compat.*|Openat.*|FailedOpen|Exec|FailedExec|Fork|Vfork|Signal.*|" +
	"UringOpen)$"

// layoutTests are the tests whose result depends on the cgroup hierarchies that are mounted: which of them is followed, the cgroup id of
// a process that ran before, of a new one and of its calls, and how the probe learns of the controllers.
const layoutTests = "^(TestCgroups|TestTasks|TestFork|TestOpenat|TestUnknownController)$"

// required are the kernels whose absence is an error; the others' archives may be gone.
var required = []string{"6.1", "6.12", "6.12-arm64"}

type matrix struct {
	cache, pattern, only, layout string
	cmdline                      string
	short                        bool
	deadline                     time.Duration
}

func main() {
	m := matrix{}
	update := false
	flag.StringVar(&m.cache, "cache", ".cache/matrix", "where the kernels are, and what is built goes")
	flag.StringVar(&m.only, "only", "", "run this kernel alone: 6.1, host, …")
	flag.StringVar(&m.layout, "layout", "", "run with this layout of the cgroups alone: v1, hybrid or v2")
	flag.StringVar(&m.pattern, "run", "", "run the tests that this regular expression matches")
	flag.BoolVar(&m.short, "short", false,
		"run all tests with one cgroup layout of each amd64 kernel; elsewhere those that depend on the layout or the architecture")
	flag.StringVar(&m.cmdline, "cmdline", "", "further parameters of the kernels in QEMU, for example ia32_emulation=0")
	flag.DurationVar(&m.deadline, "deadline", time.Hour, "the time that one machine may take")
	flag.BoolVar(&update, "update", false, "renew docs/kernels.md")
	flag.Parse()
	if update && (m.short || m.only+m.layout+m.pattern+m.cmdline != "") {
		fmt.Fprintln(os.Stderr, "matrix: -update needs all tests on all machines, without other flags")
		os.Exit(2)
	}
	if err := m.run(update); err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

func (m *matrix) run(update bool) error {
	for goarch := range arches {
		if !m.needs(goarch) {
			continue
		}
		if err := m.build(goarch); err != nil {
			return err
		}
	}
	var runs []*run
	var problems []error
	var machine errgroup.Group
	machine.SetLimit(runtime.NumCPU()) // each keeps one processor busy
	for _, host := range machines {
		if !m.wants(host.series, host.layout) {
			continue
		}
		k, err := m.kernel(host.series, host.goarch)
		if err != nil {
			if slices.Contains(required, host.series) {
				problems = append(problems, err)
			}
			fmt.Printf("%-18s not tested: %v\n", "Linux "+host.series, err)
			continue
		}
		r := newRun(host.goarch, host.layout, m.pattern)
		r.pkg = k.version
		if m.short && m.pattern == "" {
			r.pattern = host.short
		}
		runs = append(runs, r)
		machine.Go(func() error {
			r.problem = m.timed(r, func(ctx context.Context) error { return m.boot(ctx, k, r) })
			return nil
		})
	}
	_ = machine.Wait() // each run keeps its own error
	for _, r := range runs {
		problems = append(problems, r.problem)
	}
	if layout := hostLayout(); m.wants("host", layout) {
		r := newRun(runtime.GOARCH, layout, m.pattern)
		problems = append(problems, m.timed(r, func(ctx context.Context) error { return m.native(ctx, r) }))
		runs = append(runs, r)
	}
	slices.SortStableFunc(runs, func(a, b *run) int { return slices.Compare(a.numbers(), b.numbers()) })
	problems = append(problems, regressions(runs)...)
	problems = append(problems, notRun(runs)...)
	problems = append(problems, untold(runs)...)
	fmt.Printf("\n%s", costTable(runs))
	if update {
		problems = append(problems, os.WriteFile("docs/kernels.md", document(runs), 0o644))
	}
	var n [3]int
	for _, r := range runs {
		for result, tests := range r.count() {
			n[result] += tests
		}
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", n[passed], n[failed], n[skipped])
	return errors.Join(problems...)
}

// needs tells whether any machine of an architecture runs.
func (m *matrix) needs(goarch string) bool {
	if goarch == runtime.GOARCH && m.wants("host", hostLayout()) {
		return true
	}
	for _, host := range machines {
		if host.goarch == goarch && m.wants(host.series, host.layout) {
			return true
		}
	}
	return false
}

func (m *matrix) wants(kernel, layout string) bool {
	return (m.only == "" || m.only == kernel) && (m.layout == "" || m.layout == layout)
}

// timed runs the tests of one machine and says in a line what came of them.
func (m *matrix) timed(r *run, tests func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), m.deadline)
	defer cancel()
	begin := time.Now()
	err := tests(ctx)
	if err == nil {
		err = r.failure()
	}
	n := r.count()
	var report strings.Builder // printed at once: machines run side by side
	fmt.Fprintf(&report, "%-42s %3d passed  %2d skipped  %2d failed  %4.0f s\n", r, n[passed], n[skipped], n[failed],
		time.Since(begin).Seconds())
	for _, name := range r.names(skipped) {
		fmt.Fprintf(&report, "    skipped %s: %s\n", name, r.tests[name].text())
	}
	for _, name := range r.names(failed) {
		fmt.Fprintf(&report, "    FAILED %s\n%s\n", name, indent(r.tests[name].output))
	}
	fmt.Print(report.String())
	if err != nil {
		return fmt.Errorf("%v: %w", r, err)
	}
	return nil
}

func indent(s string) string {
	return "        " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n        ")
}

// regressions are the tests that an older kernel passes and a newer one does not even run.
func regressions(runs []*run) (problems []error) {
	for i, older := range runs {
		for _, newer := range runs[i+1:] {
			if older.release == newer.release || older.goarch != newer.goarch || !newer.complete {
				continue
			}
			for _, name := range older.names(passed) {
				if older.layout != newer.layout && strings.HasPrefix(name, "kernel.TestCgroups/") {
					continue // needs that layout
				}
				if newer.lacks(name) {
					problems = append(problems, fmt.Errorf("%v skips %s, which %v passes", newer, name, older))
				}
			}
		}
	}
	return problems
}

// notRun are the tests that an architecture must run, and Debian's kernels skip.
func notRun(runs []*run) (problems []error) {
	for _, r := range runs {
		if r.pkg == "" || r.pattern != "" || !r.complete {
			continue
		}
		for _, name := range arches[r.goarch].mustRun {
			if r.tests[name] == nil || r.tests[name].result == skipped {
				problems = append(problems, fmt.Errorf("%v skips %s, which must run there", r, name))
			}
		}
	}
	return problems
}

// untold are the runs that say nothing of the verified instructions, although the test of them passed.
func untold(runs []*run) (problems []error) {
	for _, r := range runs {
		if o := r.tests["probe.TestVerifiedInstructions"]; o != nil && o.result == passed && len(r.cost) == 0 {
			problems = append(problems, fmt.Errorf("%v: no test told the verified instructions", r))
		}
	}
	return problems
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
