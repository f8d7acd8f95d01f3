package engine

import (
	"net/netip"
	"testing"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// TestHostNames: an address counts as each of the names that it has.
func TestHostNames(t *testing.T) {
	row := call.New().Row(mustType(t, "connect"))
	ev := &event.Event{
		Num: 1, Type: row.Type, FD: row.Descriptor, Params: make([]event.Param, len(row.Params)), Process: &event.Process{},
		Hosts: event.Hosts{netip.MustParseAddr("10.0.0.1"): {"a.example", "b.example"}},
	}
	ev.Params[ev.FD].Descriptor = event.Descriptor{Kind: event.KindSocket, Socket: event.Socket{
		Family: 2, Type: 1, Local: netip.MustParseAddrPort("10.0.0.9:4000"), Remote: netip.MustParseAddrPort("10.0.0.1:443"),
	}}
	for condition, want := range map[string]bool{
		"fd.sip.name = a.example":                       true,
		"fd.sip.name = b.example":                       true,
		"fd.rip.name in (c.example, b.example)":         true,
		"fd.sip.name != b.example":                      false,
		"fd.sip.name != c.example":                      true,
		"not fd.sip.name in (a.example, c.example)":     false,
		"fd.sip.name endswith .example":                 true,
		"fd.cip.name = a.example":                       false,
		"fd.cip.name != a.example":                      true, // an address without a name has another one
		"fd.lip.name exists and fd.sip.name contains b": true,
	} {
		rs := mustLoad(t, "- rule: a"+tail+"  condition: evt.type = connect and "+condition+"\n")
		matched := false
		rs.Match(ev, NewScratch(), func(*Rule) { matched = true })
		if matched != want {
			t.Errorf("%s: %v", condition, matched)
		}
	}
}

func mustType(t *testing.T, name string) event.Type {
	t.Helper()
	typ, ok := event.TypeByName(name)
	if !ok {
		t.Fatalf("no event %s", name)
	}
	return typ
}
