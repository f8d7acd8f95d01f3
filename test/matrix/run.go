package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/saker-sensor/saker/internal/ia32"
)

type result int

const (
	passed result = iota
	skipped
	failed
)

// outcome is what became of one test.
type outcome struct {
	result result
	output string
}

// text is what a skipped test said.
func (o *outcome) text() string {
	for line := range strings.Lines(o.output) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "===") || strings.HasPrefix(line, "---") {
			continue
		}
		if _, said, ok := strings.Cut(line, ".go:"); ok {
			_, line, _ = strings.Cut(said, ": ")
		}
		return line
	}
	return ""
}

// run is one pass over all suites, on one kernel with one cgroup layout.
type run struct {
	// release is what uname(2) says; pkg names the package, empty for the running kernel.
	goarch, release, layout, pkg string
	// pattern selects the tests (go test -run); empty for all.
	pattern string
	// tests are the outcomes by "suite.Test/subtest"; tests that only group others are among them.
	tests map[string]*outcome
	// cost is the number of verified instructions of each program, budget what the test allows.
	cost   map[string]int
	budget string
	// losses say what is lost without a program.
	losses map[string]string
	// broken are lines of the suites' exits and of the machine itself that are no test's.
	broken []string
	// problem is why the run counts as failed, nil if it does not.
	problem error
	// complete: the whole output was seen.
	complete bool
}

func newRun(goarch, layout, pattern string) *run {
	return &run{
		goarch: goarch, layout: layout, pattern: pattern,
		tests: map[string]*outcome{}, cost: map[string]int{}, losses: map[string]string{},
	}
}

func (r *run) String() string {
	if r.release == "" {
		return "a kernel that did not start, cgroup " + r.layout
	}
	text := fmt.Sprintf("Linux %s, cgroup %s", r.release, r.layout)
	if r.pattern != "" {
		text += ", some tests"
	}
	return text
}

// lacks tells whether a test was skipped, or should have run and did not. That this machine's own kernel takes no 32-bit calls is no lack.
func (r *run) lacks(name string) bool {
	o := r.tests[name]
	if o == nil {
		return r.pattern == ""
	}
	return o.result == skipped && (r.pkg != "" || !strings.Contains(o.text(), ia32.Needed))
}

// numbers are the version's, for the order of age.
func (r *run) numbers() (v []int) {
	for part := range strings.FieldsFuncSeq(r.release, func(c rune) bool { return c < '0' || c > '9' }) {
		n, err := strconv.Atoi(part)
		if err != nil || len(v) == 2 {
			break
		}
		v = append(v, n)
	}
	return v
}

func (r *run) names(of result) (names []string) {
	for name, o := range r.tests {
		if o.result == of {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (r *run) count() (n [3]int) {
	for _, o := range r.tests {
		n[o.result]++
	}
	return n
}

func (r *run) failure() error {
	switch n := r.count(); {
	case !r.complete:
		return fmt.Errorf("the output ends early")
	case n[failed] > 0:
		return fmt.Errorf("%d tests failed", n[failed])
	case len(r.broken) > 0:
		return fmt.Errorf("%s", strings.Join(r.broken, "; "))
	}
	return nil
}

// frame begins each line of a machine's output that is not a test's; test/matrix/init writes them.
const frame = "saker-matrix: "

// read takes a machine's output to its end.
func (r *run) read(output io.Reader) error {
	var suite string
	var text bytes.Buffer
	in := bufio.NewReader(output)
	for {
		line, err := in.ReadString('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the machine's output: %w", err)
		}
		// A test may have left its last line open.
		before, said, ok := strings.Cut(line, frame)
		text.WriteString(before)
		if !ok {
			continue
		}
		switch words := strings.Fields(said); words[0] {
		case "kernel":
			r.release = words[1]
		case "begin":
			suite = words[1]
			text.Reset()
		case "exit":
			if err := r.addSuite(suite, words[2], text.Bytes()); err != nil {
				return err
			}
		case "end":
			r.complete = true
		default:
			r.broken = append(r.broken, strings.TrimSpace(said))
		}
	}
}

// addSuite takes the output of a test binary (-test.v=test2json) and its exit status.
func (r *run) addSuite(suite, status string, output []byte) error {
	cmd := exec.Command("go", "tool", "test2json")
	cmd.Stdin = bytes.NewReader(output)
	lines, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("run test2json: %w", err)
	}
	var rest strings.Builder
	hasFailed := false
	for dec := json.NewDecoder(bytes.NewReader(lines)); ; {
		var ev struct{ Action, Test, Output, Key, Value string }
		if err := dec.Decode(&ev); err == io.EOF {
			break
		} else if err != nil {
			return fmt.Errorf("read test2json's output: %w", err)
		}
		if ev.Test == "" {
			rest.WriteString(ev.Output)
			continue
		}
		name := suite + "." + ev.Test
		o := r.tests[name]
		if o == nil {
			o = &outcome{result: failed} // until the test's end is seen
			r.tests[name] = o
		}
		switch ev.Action {
		case "output":
			o.output += ev.Output
		case "pass":
			o.result = passed
		case "skip":
			o.result = skipped
		case "fail":
			hasFailed = true
		case "attr":
			if err := r.addAttribute(ev.Key, ev.Value); err != nil {
				return err
			}
		}
	}
	if status != "0" && !hasFailed {
		r.broken = append(r.broken, fmt.Sprintf("suite %s ended with status %s: %s", suite, status, strings.TrimSpace(rest.String())))
	}
	return nil
}

// addAttribute takes what a test tells beside its result.
func (r *run) addAttribute(key, value string) (err error) {
	kind, program, _ := strings.Cut(key, "/")
	switch kind {
	case "budget":
		r.budget = value
	case "lost":
		r.losses[program] = value
	case "verified":
		if r.cost[program], err = strconv.Atoi(value); err != nil {
			return fmt.Errorf("read the cost of %s: %w", program, err)
		}
	}
	return nil
}
