package cost_test

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/cost"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/recording/recordingtest"
	"github.com/saker-sensor/saker/internal/setup"
)

const rules = `
- rule: By name
  desc: d
  condition: evt.type = openat and fd.name = /etc/shadow
  output: o
  priority: INFO
- rule: By process
  desc: d
  condition: evt.type = openat and proc.name = vi and fd.name contains a
  output: o
  priority: INFO
- rule: By nothing
  desc: d
  condition: evt.type = openat and fd.name contains shadow
  output: o
  priority: INFO
- rule: By result
  desc: d
  condition: evt.type = openat and evt.failed = true and fd.name startswith /tmp/
  output: o
  priority: INFO
- rule: Always sent
  desc: d
  condition: evt.type = execve
  output: o
  priority: INFO
- rule: Off
  desc: d
  condition: evt.type = openat
  output: o
  priority: INFO
  enabled: false
`

type source []*event.Event

func (s *source) Next() (*event.Event, error) {
	if len(*s) == 0 {
		return nil, io.EOF
	}
	ev := (*s)[0]
	*s = (*s)[1:]
	return ev, nil
}

// opens are of these files, by a program each; a file that is called missing can't be opened.
func opens(t *testing.T, all ...string) *source {
	var s source
	clock := event.NewClock(1e18)
	for i, text := range all {
		program, name, _ := strings.Cut(text, " ")
		ev := recordingtest.Open(t, i+3, name, clock)
		ev.Process = &event.Process{Key: ev.Key, Comm: program, ExePath: "/bin/" + program}
		ev.File.InodeMode = unix.S_IFREG
		if strings.HasSuffix(name, "missing") {
			ev.Ret, ev.File.InodeMode = -int64(unix.ENOENT), 0
		}
		s = append(s, ev)
	}
	return &s
}

// TestCost: what is sent for each rule, by the part of its condition that the kernel can decide by, and what the condition lacks.
func TestCost(t *testing.T) {
	cfg := config.Default()
	cfg.RuleMatching = "all"
	set, results := setup.Load(cfg, []rulefile.Source{{Name: "rules.yaml", Content: []byte(rules)}})
	if !results.Successful() {
		t.Fatal(results.Text(true))
	}
	n, err := setup.Narrow(cfg, set)
	if err != nil {
		t.Fatal(err)
	}
	var all []cost.Rule
	for _, r := range set.Rules() {
		if r.Enabled {
			all = append(all, cost.Rule{Rule: r, Narrow: n.Rules[len(all)]})
		}
	}
	report, err := cost.Run(set, all,
		opens(t, "cat /etc/shadow", "vi /etc/passwd", "cat /tmp/b", "cat /tmp/b", "cat /tmp/missing", "cat /tmp/missing"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]cost.Cost{}
	var order []string
	for _, c := range report.Rules {
		for i, hint := range c.Narrower {
			c.Narrower[i], _, _ = strings.Cut(hint, " (")
		}
		order = append(order, c.Rule)
		got[c.Rule] = *c
	}
	const (
		name    = "compare the opened file's name with whole names, folders or ends"
		process = "say something of the process or container alone"
	)
	want := map[string]cost.Cost{
		"By nothing": {OfTypes: 6, Named: 6, Sent: 6, Failed: 2, Alone: 2, Matched: 1,
			Most: cost.Most{Type: "openat", Program: "/bin/cat", Count: 5}, Narrower: []string{name, process}},
		"By result": {OfTypes: 6, Named: 2, Sent: 2, Failed: 2, Matched: 2, Most: cost.Most{Type: "openat", Program: "/bin/cat", Count: 2},
			Narrower: []string{process, "leave out calls that fail, if they don't matter"}},
		"By name": {OfTypes: 6, Named: 1, Sent: 1, Matched: 1, Most: cost.Most{Type: "openat", Program: "/bin/cat", Count: 1},
			Narrower: []string{process}},
		"By process": {OfTypes: 6, Named: 6, Sent: 1, Matched: 1, Most: cost.Most{Type: "openat", Program: "/bin/vi", Count: 1},
			Narrower: []string{name}},
		"Always sent": {Narrower: []string{}},
	}
	for rule, w := range want {
		w.Rule = rule
		want[rule] = w
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if strings.Join(order, ", ") != "By nothing, By result, By name, By process, Always sent" || report.Events != 6 || report.Always != 0 {
		t.Errorf("order %q of %d events, %d always", order, report.Events, report.Always)
	}
}
