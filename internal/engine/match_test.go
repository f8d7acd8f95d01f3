package engine

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
)

func matched(rs *Ruleset, ev *event.Event) []string {
	var got []string
	rs.Match(ev, NewScratch(), func(r *Rule) { got = append(got, r.Name+" "+ev.Matched.String()) })
	return got
}

func opened(given, resolved string) *event.Event {
	return &event.Event{Num: 1, Type: event.TypeOpenat, Ret: 3, ContainerID: event.HostID,
		Process: &event.Process{Comm: "cat"},
		File:    event.File{Present: true, FD: 3, Raw: given, Given: given, Resolved: resolved, InodeMode: 0o100644}}
}

func TestMatch(t *testing.T) {
	text := "- rule: link" + tail + "  condition: evt.type = openat and fd.name = /link\n" +
		"- rule: other type" + tail + "  condition: evt.type = execve\n" +
		"- rule: shadow" + tail + "  condition: evt.type in (open, openat) and fd.name = /etc/shadow\n" +
		"- rule: inside a transformer" + tail + "  condition: evt.type = openat and basename(fd.name) = deep\n" +
		"- rule: off" + tail + "  condition: evt.type = openat\n  enabled: false\n" +
		"- rule: any" + tail + "  condition: evt.type = openat and proc.name = cat\n"
	named := func(given, resolved, source, watched string) *event.Event {
		ev := opened(given, resolved)
		ev.File.Source, ev.File.Watched = source, watched
		return ev
	}
	tests := []struct {
		name       string
		ev         *event.Event
		first, all []string
	}{
		{"given", opened("/etc/shadow", "/etc/shadow"), []string{"shadow given"}, []string{"shadow given", "any given"}},
		{"resolved", opened("/x", "/etc/shadow"), []string{"shadow resolved"}, []string{"shadow resolved", "any given"}},
		{"both: the first in order", opened("/etc/shadow", "/link"), []string{"link resolved"},
			[]string{"link resolved", "shadow given", "any given"}},
		{"on the host", named("/x", "/x", "/etc/shadow", ""), []string{"shadow source"}, []string{"shadow source", "any given"}},
		{"a hard link", named("/x", "/x", "/x", "/etc/shadow"), []string{"shadow watched"}, []string{"shadow watched", "any given"}},
		{"each rule by its own name", named("/a", "/b", "/link", "/etc/shadow"), []string{"link source"},
			[]string{"link source", "shadow watched", "any given"}},
		{"a text that two names have", named("/a", "/link", "/link", "/link"), []string{"link resolved"}, []string{"link resolved", "any given"}},
		{"read by a transformer", opened("/x", "/y/deep"), []string{"inside a transformer resolved"},
			[]string{"inside a transformer resolved", "any given"}},
		{"failed call has one name", opened("/etc/shadow", ""), []string{"shadow given"}, []string{"shadow given", "any given"}},
		{"neither", opened("/a", "/b"), []string{"any given"}, []string{"any given"}},
		{"no rule for the type", &event.Event{Type: event.TypeProcexit}, nil, nil},
		{"a type out of range", &event.Event{Type: 60000}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, all := range []bool{false, true} {
				opt := testOptions()
				opt.MatchAll = all
				rs, results := Load([]rulefile.Source{file("a.yaml", text)}, opt)
				if !results.Successful() {
					t.Fatal(results.Text(true))
				}
				want := tt.first
				if all {
					want = tt.all
				}
				if diff := cmp.Diff(want, matched(rs, tt.ev)); diff != "" {
					t.Errorf("all = %v (-want +got):\n%s", all, diff)
				}
				if tt.ev.Matched != event.NameGiven {
					t.Error("the event is left with its other name")
				}
				for _, r := range rs.Rules() {
					hits := uint64(0)
					for _, w := range want {
						if strings.HasPrefix(w, r.Name+" ") {
							hits++
						}
					}
					if r.Matches() != hits {
						t.Errorf("rule %q counts %d matches, want %d", r.Name, r.Matches(), hits)
					}
				}
			}
		})
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	rs := mustLoad(t, "- rule: a"+tail+"  condition: evt.type = openat and fd.name startswith /etc and not proc.name in (x, y)\n"+
		"- rule: b"+tail+"  condition: evt.type = openat and fd.directory = /root\n")
	s := NewScratch()
	n := 0
	yield := func(*Rule) { n++ }
	for name, ev := range map[string]*event.Event{"no match": opened("/a/b", "/c/d"), "a match": opened("/x", "/etc/y")} {
		rs.Match(ev, s, yield)
		if got := testing.AllocsPerRun(100, func() { rs.Match(ev, s, yield) }); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
	if n == 0 {
		t.Error("nothing matched")
	}
}

func TestTypes(t *testing.T) {
	rs := mustLoad(t, "- macro: never\n  condition: evt.num = 0\n"+
		"- rule: a"+tail+"  condition: evt.type in (open, openat) and not never\n"+
		"- rule: b"+tail+"  condition: evt.type = execve\n  enabled: false\n"+
		"- rule: c"+tail+"  condition: evt.type = connect and never\n")
	types := rs.Types()
	var got []string
	for _, ty := range types.Types() {
		got = append(got, ty.String())
	}
	if diff := cmp.Diff([]string{"open", "openat"}, got); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	if !rs.MayMatch(event.TypeOpen) || rs.MayMatch(event.TypeExecve) {
		t.Error("MayMatch disagrees with Types")
	}
}

func TestNeedsContainer(t *testing.T) {
	for _, tt := range []struct {
		field string
		want  bool
	}{
		{"container.id", false}, {"container.full_id", false}, {"container.name", true}, {"container.image.repository", true},
		{"k8s.ns.name", true}, {"proc.is_container_healthcheck", true}, {"user.name", true}, {"user.uid", false},
		{"proc.name", false}, {"group.name", true},
	} {
		if got := NeedsContainer("evt.type", tt.field); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.field, got, tt.want)
		}
	}
	rs := mustLoad(t, "- rule: a"+tail+"  condition: evt.type = open and container.id != host\n"+
		"- rule: b"+tail+"  condition: evt.type = open and not container.image.repository = x\n")
	if a, b := rs.Rules()[0], rs.Rules()[1]; a.NeedsContainer || !b.NeedsContainer {
		t.Errorf("NeedsContainer = %v, %v, want false, true", a.NeedsContainer, b.NeedsContainer)
	}
}
