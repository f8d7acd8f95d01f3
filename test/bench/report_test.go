package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReplaceBlock(t *testing.T) {
	const doc = "a\n<!-- bench: x -->\nold\n<!-- end of x -->\nb\n"
	got, err := replaceBlock(doc, block{"x", "new\n\n"})
	if err != nil {
		t.Fatal(err)
	}
	if want := "a\n<!-- bench: x -->\nnew\n<!-- end of x -->\nb\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := replaceBlock(doc, block{"y", ""}); err == nil {
		t.Error("a block without marks is no error")
	}
}

// The document has a place for everything that a run finds.
func TestDocumentHasAllBlocks(t *testing.T) {
	text, err := os.ReadFile("../../" + document)
	if err != nil {
		t.Fatal(err)
	}
	full := report{samples: someSamples(), hooks: []hookCost{{}}, reaction: &reaction{}, rooms: []room{{}}, programs: []programCost{{}, {}}}
	for _, b := range full.blocks() {
		if _, err := replaceBlock(string(text), b); err != nil {
			t.Error(err)
		}
	}
	if n := len(full.blocks()); n != 7 {
		t.Errorf("the report has %d blocks, want 7", n)
	}
}

func TestFigure(t *testing.T) {
	l := &load{name: getppidLoad, ops: 10}
	samples := []sample{
		{load: l, rules: execRule, ns: 3, cpu: 5, rss: 7, totals: totals{sent: 20, lost: 1}},
		{load: l, rules: execRule, ns: 2, cpu: 6, rss: 9, totals: totals{sent: 30, lost: 2}},
		{load: l, rules: execRule, ns: 7, cpu: 9, rss: 8, totals: totals{sent: 70, dropped: 4}},
		{load: l, ns: 1},
	}
	got := figureOf(samples, getppidLoad, execRule)
	want := figure{ns: 2, cpu: 5, records: 3, lost: 3, dropped: 4, rss: 9, rounds: 3}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(figure{})); diff != "" {
		t.Error(diff)
	}
	l.median = true
	if got := figureOf(samples, getppidLoad, execRule); got.ns != 3 || got.cpu != 6 {
		t.Errorf("the median is %v ns and %v ns of CPU, want 3 and 6", got.ns, got.cpu)
	}
}

func TestDuration(t *testing.T) {
	for ns, want := range map[float64]string{
		0.4: "0 ns", 104.6: "105 ns", 3900: "3,900 ns", 12_340: "12.3 µs", 641_000: "641 µs", 9_000_000: "9,000 µs", 42e6: "42.0 ms",
		12.34e9: "12.3 s",
	} {
		if got := duration(ns); got != want {
			t.Errorf("%v ns are printed as %q, want %q", ns, got, want)
		}
	}
}

func TestReadRooms(t *testing.T) {
	got := readRooms("goos: linux\npkg: github.com/saker-sensor/saker/internal/engine\nBenchmarkMatch/eq-2 \t 100\t 33.16 ns/op\t 0 " +
		"allocs/op\nPASS\n")
	want := []room{{"engine", "Match/eq-2", []string{"33.16 ns/op", "0 allocs/op"}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(room{})); diff != "" {
		t.Error(diff)
	}
}

// An image is well-formed, and every bar of every panel is in it.
func TestDraw(t *testing.T) {
	panels := timePanels(someSamples())
	bars := 0
	for _, p := range panels {
		bars += len(p.bars)
	}
	dec := xml.NewDecoder(strings.NewReader(draw("a < b", panels)))
	drawn := -1 // the background
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" {
			drawn++
		}
	}
	if drawn != bars || bars != 16 {
		t.Errorf("%d bars are drawn, of %d; want 16", drawn, bars)
	}
}

// someSamples are one round of the loads that have aims.
func someSamples() (samples []sample) {
	for _, name := range []string{getppidLoad, openLoad, execLoad, fullRateLoad} {
		l := &load{name: name, ops: 1}
		for i, rules := range []string{"", defaultRules, execRule, publishedRules} {
			samples = append(samples, sample{load: l, rules: rules, ns: float64(100 + i), cpu: 10})
		}
	}
	return samples
}
