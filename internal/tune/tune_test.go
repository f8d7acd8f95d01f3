package tune

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/setup"
)

// list is a source of events that a test made.
type list struct {
	events []*event.Event
	at     int
}

func (l *list) Next() (*event.Event, error) {
	if l.at == len(l.events) {
		return nil, io.EOF
	}
	l.at++
	return l.events[l.at-1], nil
}

func (*list) Close() error { return nil }

func load(sources []rulefile.Source) (*engine.Ruleset, error) {
	rules, results := setup.Load(config.Default(), sources)
	if !results.Successful() {
		return nil, setup.RulesError(&results)
	}
	return rules, nil
}

func run(t *testing.T, rules string, events []*event.Event, change func(*Settings)) *Report {
	t.Helper()
	s := Settings{
		Sources: []rulefile.Source{{Name: "rules.yaml", Content: []byte(rules)}}, Load: load, Dictionary: setup.Dictionary(config.Default()),
		Open: func() (Source, error) { return &list{events: events}, nil }, Groups: 20,
	}
	if change != nil {
		change(&s)
	}
	r, err := Run(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const second = int64(1e9)

// open is an event of a process that opens a file.
func open(at int64, exe, parent, file string) *event.Event {
	p := &event.Process{
		Comm: exe[strings.LastIndexByte(exe, '/')+1:], ExePath: exe, Parent: &event.Process{Comm: parent, ExePath: "/usr/bin/" + parent},
	}
	return &event.Event{
		Num: 1, Time: at, Type: event.TypeOpenat, Ret: 3, FD: -1, Process: p, ContainerID: event.HostID, DirFD: event.AtFDCWD,
		File: event.File{Present: true, FD: 3, Raw: file, Given: file, Resolved: file, InodeMode: 0o100644},
	}
}

func inContainer(ev *event.Event, image, namespace string) *event.Event {
	ev.ContainerID = "0123456789ab"
	ev.Container = &event.Container{ID: "0123456789ab0123", ImageRepository: image, Pod: &event.Pod{Name: "p", Namespace: namespace, UID: "u"}}
	return ev
}

const rules = `
- rule: Sensitive
  desc: d
  condition: open_read and fd.name startswith /etc/
  output: o
  priority: WARNING
- rule: Worst
  desc: d
  condition: open_read and fd.name startswith /dev/
  output: o
  priority: CRITICAL
`

// TestRun: groups are counted, and an exception silences its group alone.
func TestRun(t *testing.T) {
	var events []*event.Event
	for i := range 30 {
		events = append(events, open(int64(i)*second, "/usr/sbin/cron", "systemd", "/etc/shadow"))
		if i < 7 {
			events = append(events, inContainer(open(int64(i)*second, "/usr/bin/cat", "bash", "/etc/passwd"), "web", "shop"))
			events = append(events, open(int64(i)*second, "/usr/bin/odd\"name, [x]", "ba sh", `/etc/it's "quoted"`))
		}
		events = append(events, open(int64(i)*second, "/usr/sbin/backup", "cron", fmt.Sprintf("/etc/many/%d", i)))
		events = append(events, open(int64(i)*second, "/usr/sbin/scan", "cron", fmt.Sprintf("/etc/d%d/file", i)))
		events = append(events, open(int64(i)*second, "/bin/x", "y", "/dev/mem"), open(int64(i)*second, "/bin/x", "y", "/tmp/nothing"))
	}
	r := run(t, rules, events, nil)
	if r.Events != uint64(len(events)) || r.Alerts != 134 || len(r.Rules) != 2 || r.Rules[0].Count != 104 || r.Last != 29*second {
		t.Errorf("report %+v", r)
	}
	got := map[string]*Group{}
	for _, g := range r.Groups {
		got[g.Value("proc.exepath")] = g
	}
	for exe, want := range map[string]struct {
		gone, stay uint64
		parts      string
	}{
		"/usr/sbin/cron": {30, 74,
			"{proc.exepath /usr/sbin/cron} {proc.pexepath /usr/bin/systemd} {container.id host} {fd.name /etc/shadow}"},
		"/usr/bin/cat": {7, 97, "{proc.exepath /usr/bin/cat} {proc.pexepath /usr/bin/bash} {container.image.repository web} " +
			"{k8s.ns.name shop} {fd.name /etc/passwd}"},
		"/usr/sbin/backup": {30, 74,
			"{proc.exepath /usr/sbin/backup} {proc.pexepath /usr/bin/cron} {container.id host} {fd.directory /etc/many}"},
		"/usr/sbin/scan": {30, 74, "{proc.exepath /usr/sbin/scan} {proc.pexepath /usr/bin/cron} {container.id host}"},
		"/usr/bin/odd\"name, [x]": {7, 97,
			`{proc.exepath /usr/bin/odd"name, [x]} {proc.pexepath /usr/bin/ba sh} {container.id host} {fd.name /etc/it's "quoted"}`},
	} {
		want.parts = "[" + want.parts + "]"
		g := got[exe]
		if g == nil || g.Exception == nil {
			t.Errorf("%s: no exception: %+v", exe, g)
			continue
		}
		if parts := fmt.Sprint(g.Parts); parts != want.parts || g.Exception.Gone != want.gone || g.Exception.Stay != want.stay {
			t.Errorf("%s: %s, %d gone, %d stay; want %s, %d, %d", exe, parts, g.Exception.Gone, g.Exception.Stay, want.parts, want.gone, want.stay)
		}
	}
	if g := got["/bin/x"]; g == nil || g.Exception != nil || !strings.Contains(g.Why, "--force") {
		t.Errorf("a critical rule: %+v", g)
	}
	r = run(t, rules, events, func(s *Settings) { s.Severe, s.Rule, s.Groups = true, "Worst", 1 })
	if len(r.Groups) != 1 || r.Groups[0].Exception == nil || r.Groups[0].Exception.Gone != 30 || r.Alerts != 30 {
		t.Errorf("forced: %+v", r.Groups[0])
	}
}

// TestNew: where an event has one alert alone, another rule's may come in its place.
func TestNew(t *testing.T) {
	events := []*event.Event{open(1, "/bin/a", "b", "/etc/x"), open(2, "/bin/c", "d", "/etc/x")}
	r := run(t, rules+`
- rule: Later
  desc: d
  condition: open_read and fd.name = /etc/x
  output: o
  priority: INFO
`, events, nil)
	for _, g := range r.Groups {
		if g.Exception == nil || *g.Exception != (Exception{YAML: g.Exception.YAML, Gone: 1, Stay: 1, New: 1}) {
			t.Errorf("group %+v: %+v", g, g.Exception)
		}
	}
}

// TestUnfit: a group that no exception can name says why.
func TestUnfit(t *testing.T) {
	ev := open(1, "/bin/\xff", "b", "/etc/x")
	r := run(t, rules, []*event.Event{ev}, nil)
	if g := r.Groups[0]; g.Exception != nil || !strings.Contains(g.Why, "bytes that a rules file can't hold") {
		t.Errorf("%+v", g)
	}
	_, err := Run(Settings{Sources: []rulefile.Source{{Name: "r", Content: []byte(rules)}}, Load: load, Rule: "sensitive"})
	if err == nil || err.Error() != `tune rule "sensitive": there is no such rule; did you mean 'Sensitive'?` {
		t.Errorf("%v", err)
	}
}

// TestRandomEvents: whatever the events are, each exception that is proposed, added to the rules, silences its count of alerts and leaves
// all others.
func TestRandomEvents(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(from ...string) string { return from[rnd.IntN(len(from))] }
	for range 3 {
		var events []*event.Event
		for i := range 150 {
			ev := open(int64(i)*second*int64(1+rnd.IntN(50)), pick("/bin/a", "/bin/b b", "/bin/c'", "/bin/*", `/bin/"\d`, "/bin/(é)"),
				pick("x", "y"), pick("/etc/", "/dev/")+pick("p", "q", "r/s", "r/t", fmt.Sprint(rnd.IntN(20)), fmt.Sprint("r/", rnd.IntN(20))))
			if rnd.IntN(3) == 0 {
				inContainer(ev, pick("one", "two"), pick("n", "m"))
			}
			if rnd.IntN(4) == 0 { // by a symbolic link
				ev.File.Given = "/tmp/link"
			}
			events = append(events, ev)
		}
		r := run(t, rules, events, func(s *Settings) { s.Severe = true })
		if len(r.Groups) < 5 {
			t.Fatalf("%d groups", len(r.Groups))
		}
		for _, g := range r.Groups {
			if g.Exception == nil {
				t.Fatalf("no exception for %+v: %s", g.Parts, g.Why)
			}
			left, sum := count(t, rules+g.Exception.YAML, events)
			before := r.Rules[slices.IndexFunc(r.Rules, func(n RuleCount) bool { return n.Rule == g.Rule })].Count
			if left[g.Rule] != g.Exception.Stay || before != g.Exception.Gone+g.Exception.Stay ||
				g.Exception.Gone != g.Count || sum != r.Alerts-g.Count {
				t.Errorf("%+v: %d of %d left; %+v", g.Parts, left[g.Rule], before, g.Exception)
			}
		}
	}
}

// count counts the alerts of each rule, and all.
func count(t *testing.T, rules string, events []*event.Event) (byRule map[string]uint64, sum uint64) {
	t.Helper()
	set, err := load([]rulefile.Source{{Name: "rules.yaml", Content: []byte(rules)}})
	if err != nil {
		t.Fatal(err)
	}
	byRule = map[string]uint64{}
	scratch := engine.NewScratch()
	for _, ev := range events {
		set.Match(ev, scratch, func(r *engine.Rule) {
			byRule[r.Name]++
			sum++
		})
	}
	return byRule, sum
}

func TestTimeline(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var all, other Timeline
		times := map[int64]uint64{}
		n := 1 + rnd.IntN(50)
		for range n {
			at := int64(1e18) + rnd.Int64N(int64(1)<<uint(20+rnd.IntN(40)))
			if rnd.IntN(2) == 0 {
				all.add(at)
				times[at]++
			} else {
				other.add(at)
			}
		}
		for at := range times {
			if i := (at - all.Begin) / all.Cell; at < all.Begin || i >= int64(len(all.Counts)) || all.Counts[i] == 0 {
				t.Fatalf("%d is in no cell of %+v", at, all)
			}
		}
		all.join(&other)
		var sum uint64
		for _, c := range all.Counts {
			sum += c
		}
		if sum != uint64(n) || len(all.Counts) > cells {
			t.Fatalf("%d of %d in %d cells", sum, n, len(all.Counts))
		}
	}
}
