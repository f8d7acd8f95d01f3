package inspect

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/inspect"
	"github.com/saker-sensor/saker/internal/ruletest"
	"github.com/saker-sensor/saker/internal/ruletest/fixture"
)

// EventQuery asks what a rule says of events of a file.
type EventQuery struct {
	Rule string
	// File is a file of tests (*.yaml, *.yml), or a recording.
	File string
	// Event is the number of one event. 0 asks for the events that came nearest.
	Event uint64
	// OwnRules: the configuration's rules are meant, whatever a file of tests says.
	OwnRules bool
}

// maxNearest is how many events are shown that came nearest.
const maxNearest = 3

// nearestReport is the JSON of the events that came nearest.
type nearestReport struct {
	Events  uint64            `json:"events"`
	Matched uint64            `json:"matched"`
	Nearest []inspect.Finding `json:"nearest"`
}

// ExplainEvents prints what of a rule's condition is true of one event, or why the rule does not match those that came nearest: text, or
// JSON with json_output.
func ExplainEvents(w io.Writer, cfg config.Config, q EventQuery) error {
	src, rs, err := openEvents(cfg, q)
	if err != nil {
		return err
	}
	if c, ok := src.(io.Closer); ok {
		defer func() { _ = c.Close() }()
	}
	tracer, ok, err := inspect.NewTracer(rs, q.Rule)
	switch {
	case err != nil:
		return err
	case !ok:
		return noRule("explain", q.Rule, rs)
	}
	if q.Event == 0 {
		return explainNearest(w, &cfg, tracer, src)
	}
	last := uint64(0)
	for {
		ev, err := src.Next()
		switch {
		case errors.Is(err, io.EOF):
			return fmt.Errorf("explain event %d of %s: there is no such event; the last one has the number %d", q.Event, q.File, last)
		case err != nil:
			return err
		}
		if last = ev.Num; last != q.Event {
			continue
		}
		f := tracer.Find(ev)
		if cfg.JSONOutput {
			return writeJSON(w, f)
		}
		_, err = io.WriteString(w, f.Text())
		return err
	}
}

// openEvents begins the events of a file, and loads the rules that it is about.
func openEvents(cfg config.Config, q EventQuery) (ruletest.Source, *engine.Ruleset, error) {
	var choice ruletest.Choice
	var src ruletest.Source
	if config.IsRuleFile(q.File) {
		text, err := readTests(q.File)
		if err != nil {
			return nil, nil, err
		}
		f, err := ruletest.Read(q.File, text, fixture.NewMaker())
		if err != nil {
			return nil, nil, err
		}
		choice, src = f.Choice, f.Events()
	} else {
		var err error
		if src, err = openRecording(q.File); err != nil {
			return nil, nil, err
		}
	}
	rs, err := loadChoice(cfg, choice, q.OwnRules)
	return src, rs, err
}

func explainNearest(w io.Writer, cfg *config.Config, t *inspect.Tracer, src ruletest.Source) error {
	r := nearestReport{Nearest: []inspect.Finding{}}
	for {
		ev, err := src.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		r.Events++
		d := t.Distance(ev)
		if d == 0 {
			r.Matched++
			continue
		}
		at := len(r.Nearest)
		for at > 0 && r.Nearest[at-1].Distance > d {
			at--
		}
		if at < maxNearest {
			r.Nearest = slices.Insert(r.Nearest, at, t.Find(ev))
			r.Nearest = r.Nearest[:min(len(r.Nearest), maxNearest)]
		}
	}
	if cfg.JSONOutput {
		return writeJSON(w, r)
	}
	fmt.Fprintf(w, "The condition is true of %d of %d events.\n", r.Matched, r.Events)
	for i := range r.Nearest {
		if _, err := fmt.Fprintf(w, "\n%s", r.Nearest[i].Text()); err != nil {
			return err
		}
	}
	return nil
}
