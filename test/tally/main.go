// Command tally shows the output of "go test -json" as a person wants it: failed tests with what they printed, a line for each
// package with its seconds, the reasons why tests were skipped, the slowest tests, the failed ones once more with their first complaints,
// and the numbers in the last line. With -v it shows every line that the tests print, when they print it.
//
//	go test -json ./... | go run ./test/tally
//
// The exit status is 1 if a test or a package failed.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

func main() {
	verbose := flag.Bool("v", false, "show every line that the tests print")
	flag.Parse()
	failed, err := run(os.Stdin, os.Stdout, *verbose)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
	}
	if failed || err != nil {
		os.Exit(1)
	}
}

// event is a line of "go test -json" (go doc test2json).
type event struct {
	Action, Package, Test, Output string
	// Elapsed is in seconds.
	Elapsed float64
}

// tally counts tests and subtests, each as one.
type tally struct {
	w                       io.Writer
	verbose                 bool
	passed, failed, skipped int
	// packageFailed: a package failed, perhaps without a failed test.
	packageFailed bool
	// printed holds what a running test, or a package (an empty Test), has printed.
	printed map[[2]string]string
	// reasons has the reasons for skipped tests, by package.
	reasons map[string][]string
	// failures are repeated at the end: a failed test may print much more than its complaints, a sensor's log for instance.
	failures []string
	// slow are the tests, not their subtests, that took longest, the longest first.
	slow []event
}

// maxSlow of them are listed, if they took leastSlow seconds.
const (
	maxSlow   = 10
	leastSlow = 5
)

// maxComplaints of a failed test are repeated.
const maxComplaints = 5

// run reads all events. It tells whether anything failed.
func run(r io.Reader, w io.Writer, verbose bool) (failed bool, err error) {
	t := &tally{w: w, verbose: verbose, printed: map[[2]string]string{}, reasons: map[string][]string{}}
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) == nil {
				t.add(e)
			} else {
				fmt.Fprint(w, line) // not an event
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return true, fmt.Errorf("read the events: %w", err)
		}
	}
	for _, e := range t.slow {
		fmt.Fprintf(w, "%6.1f s  %s %s\n", e.Elapsed, e.Package, e.Test)
	}
	for _, f := range t.failures {
		fmt.Fprint(w, f)
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
	return t.failed > 0 || t.packageFailed, nil
}

func (t *tally) add(e event) {
	key := [2]string{e.Package, e.Test}
	switch e.Action {
	case "output":
		if t.verbose {
			fmt.Fprint(t.w, e.Output)
		}
		t.printed[key] += e.Output
		return
	case "build-output":
		fmt.Fprint(t.w, e.Output)
		return
	case "pass", "fail", "skip":
	default:
		return
	}
	if e.Test == "" {
		t.endPackage(e, t.printed[key])
	} else {
		t.endTest(e, t.printed[key])
	}
	delete(t.printed, key)
}

func (t *tally) endTest(e event, output string) {
	if !strings.Contains(e.Test, "/") && e.Elapsed >= leastSlow {
		at, _ := slices.BinarySearchFunc(t.slow, e, func(a, b event) int { return cmp.Compare(b.Elapsed, a.Elapsed) })
		t.slow = slices.Insert(t.slow, at, e)
		t.slow = t.slow[:min(len(t.slow), maxSlow)]
	}
	switch e.Action {
	case "pass":
		t.passed++
	case "skip":
		t.skipped++
		t.reasons[e.Package] = append(t.reasons[e.Package], e.Test+": "+reason(output))
	case "fail":
		t.failed++
		t.failures = append(t.failures, fmt.Sprintf("failed: %s %s\n%s", e.Package, e.Test, complaints(output)))
		if !t.verbose {
			fmt.Fprint(t.w, output)
		}
	}
}

func (t *tally) endPackage(e event, output string) {
	word := map[string]string{"pass": "ok  ", "fail": "FAIL", "skip": "none"}[e.Action]
	if e.Action == "fail" {
		t.packageFailed = true
		if !t.verbose {
			fmt.Fprint(t.w, output)
		}
	}
	if e.Action != "skip" { // a package without tests
		fmt.Fprintf(t.w, "%s  %s  %.1f s\n", word, e.Package, e.Elapsed)
	}
	for _, r := range t.reasons[e.Package] {
		fmt.Fprintf(t.w, "      skipped %s\n", r)
	}
}

// complaint is a line with which a test starts a message.
var complaint = regexp.MustCompile(`(?m)^ *\w+\.go:\d+: .*\n?`)

// complaints are the first lines of a failed test's first messages.
func complaints(output string) string {
	return strings.Join(complaint.FindAllString(output, maxComplaints), "")
}

// reason is the last line that a skipped test printed itself, without the place in the source.
func reason(output string) (text string) {
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "===") || strings.HasPrefix(line, "---") {
			continue
		}
		if _, after, ok := strings.Cut(line, ".go:"); ok {
			_, line, _ = strings.Cut(after, ": ")
		}
		text = line
	}
	return text
}
