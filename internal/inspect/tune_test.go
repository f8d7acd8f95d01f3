package inspect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/tune"
)

func tuneReport() *tune.Report {
	return &tune.Report{
		Events: 1000, Alerts: 12, First: 1e9, Last: 61e9, Rules: []tune.RuleCount{{Rule: "Read", Count: 12}}, Others: 3,
		Groups: []*tune.Group{
			{Rule: "Read", Count: 8, Parts: []tune.Part{{Field: "proc.exepath", Value: "/bin/\x1b[2Jcat"}, {Field: "proc.pname", Value: "sh"},
				{Field: "container.image.repository", Value: "web"}, {Field: "k8s.ns.name", Value: "shop"}, {Field: "fd.name", Value: "/etc/shadow"}},
				Exception: &tune.Exception{YAML: "- rule: Read\n", Gone: 8, Stay: 4, New: 2}},
			{Rule: "Read", Count: 1, Parts: []tune.Part{{Field: "proc.exepath", Value: "/bin/nc"}, {Field: "container.id", Value: "host"},
				{Field: "fd.sip", Value: "10.0.0.1"}, {Field: "fd.sport", Value: "443"}}, Why: "because"},
		},
	}
}

func TestTuneText(t *testing.T) {
	const want = `12 alerts of 1 rules on 1000 events in 1m0s

#  ALERTS  RULE  PROCESS         PARENT  WHERE        FILE OR END
1  8       Read  /bin/?[2Jcat    sh      web in shop  /etc/shadow
2  1       Read  /bin/nc         -       host         10.0.0.1 port 443
3 smaller groups are not shown; 0 alerts had no room in a group

# 1: 8 alerts go, 4 stay; 2 of other rules come in their place
- rule: Read

# 2: no exception: because
`
	if got := tuneText(tuneReport()); strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("got:\n%s", got)
	}
}

// TestAddExceptions: a rules file keeps what it has, its mode too, and gets an exception once.
func TestAddExceptions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "local.yaml")
	if err := os.WriteFile(path, []byte("# mine"), 0o640); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := addExceptions(path, tuneReport()); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if want := "# mine\n\n# 8 alerts go, 4 stay; 2 of other rules come in their place\n- rule: Read\n"; err != nil || string(text) != want {
		t.Errorf("%v, %q", err, text)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("%v %v", st.Mode(), err)
	}
	if err := addExceptions(filepath.Join(path, "no"), tuneReport()); err == nil {
		t.Error("written below a file")
	}
}
