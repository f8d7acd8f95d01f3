package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLiterals(t *testing.T) {
	rs := mustLoad(t, "- list: more\n  items: [/c, \"/d e\"]\n"+
		"- macro: named\n  condition: fd.name in (/b, more)\n"+
		"- rule: a"+tail+"  condition: >\n    evt.type = openat and (fd.name = /a or named) and not fd.name == \"/f\" and proc.name = /no and "+
		"fd.name startswith /no\n"+
		"    and fd.name != /no and toupper(fd.name) = /NO and fd.name = val(fd.nameraw) and fd.name in (/g) and fd.name glob /no*\n"+
		"  exceptions:\n    - name: e\n      fields: [fd.name, proc.name]\n      comps: [in, \"=\"]\n      values: [[[/h, /i], cat]]\n")
	want := []string{"/a", "/b", "/c", "/d e", "/f", "/g", "/h", "/i"}
	if diff := cmp.Diff(want, rs.Rules()[0].Literals("fd.name")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want = []string{"/a", "/b", "/c", "/d e", "/f", "/no", "/g", "/h", "/i"}
	if diff := cmp.Diff(want, rs.Rules()[0].AllLiterals("fd.name")); diff != "" {
		t.Errorf("with those of != (-want +got):\n%s", diff)
	}
}
