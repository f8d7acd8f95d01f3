package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// report is what one run found. A part that was not measured is empty.
type report struct {
	machine  machine
	samples  []sample
	hooks    []hookCost
	reaction *reaction
	rooms    []room
	programs []programCost
}

// block is a part of the document that this program writes.
type block struct{ name, text string }

func (r *report) blocks() []block {
	if r.samples == nil && r.programs != nil { // -programs
		return []block{{"programs", programTable(r.machine, r.programs)}}
	}
	list := []block{{"machine", r.machine.String()}}
	if targets := targetsOf(r.samples); targets != nil {
		list = append(list, block{"targets", targetTable(targets)})
	}
	list = append(list, block{"costs", costTables(r.samples)})
	if r.hooks != nil {
		list = append(list, block{"hooks", hookTable(r.hooks)})
	}
	if r.reaction != nil {
		list = append(list, block{"reaction", reactionTable(r.reaction)})
	}
	if r.rooms != nil {
		list = append(list, block{"rooms", roomTable(r.rooms)})
	}
	if r.programs != nil {
		list = append(list, block{"programs", programTable(r.machine, r.programs)})
	}
	return list
}

func (r *report) print(w io.Writer) error {
	for _, b := range r.blocks() {
		if _, err := fmt.Fprintf(w, "## %s\n\n%s\n", b.name, b.text); err != nil {
			return err
		}
	}
	return nil
}

// update puts the blocks between their marks in the document, and the samples and plots into a folder.
func (r *report) update(document, folder string) error {
	text, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	doc := string(text)
	for _, b := range r.blocks() {
		if doc, err = replaceBlock(doc, b); err != nil {
			return fmt.Errorf("renew %s: %w", document, err)
		}
	}
	if r.samples == nil {
		return os.WriteFile(document, []byte(doc), 0o644)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(document, []byte(doc), 0o644),
		r.writeSamples(filepath.Join(folder, "samples.csv")),
		os.WriteFile(filepath.Join(folder, "time.svg"), []byte(draw("Time of one operation", timePanels(r.samples))), 0o644),
		os.WriteFile(filepath.Join(folder, "cpu.svg"), []byte(draw("The sensor's own CPU for one operation", cpuPanels(r.samples))), 0o644),
		os.WriteFile(filepath.Join(folder, "hooks.svg"), []byte(draw("What a hook costs: empty programs", hookPanels(r.hooks))), 0o644),
	)
}

// replaceBlock replaces what is between a block's marks.
func replaceBlock(doc string, b block) (string, error) {
	begin, end := "<!-- bench: "+b.name+" -->\n", "<!-- end of "+b.name+" -->"
	before, rest, found := strings.Cut(doc, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", fmt.Errorf("find the block %q: it has no marks", b.name)
	}
	return before + begin + strings.TrimRight(b.text, "\n") + "\n" + end + after, nil
}

// writeSamples writes each run of each load: times in ns of one operation, counts and bytes of the whole run.
func (r *report) writeSamples(path string) error {
	var b strings.Builder
	w := csv.NewWriter(&b)
	rows := [][]string{{"load", "rules", "round", "operations", "time_ns", "cpu_ns", "records", "lost", "alerts", "alerts_dropped",
		"rss_bytes"}}
	for _, s := range r.samples {
		rules := s.rules
		if rules == "" {
			rules = "no sensor"
		}
		rows = append(rows, []string{s.load.name, rules, strconv.Itoa(s.round), strconv.Itoa(s.load.ops),
			strconv.FormatFloat(s.ns, 'f', 1, 64), strconv.FormatFloat(s.cpu, 'f', 1, 64),
			strconv.Itoa(s.sent), strconv.Itoa(s.lost), strconv.Itoa(s.alerts), strconv.Itoa(s.dropped), strconv.Itoa(s.rss)})
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}
