package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/testutil"
)

// sampleTriggers do what raised the alerts that Falco printed into falco-samples/alerts-host.txt.
const sampleTriggers = `#!/bin/bash
cat /etc/shadow >/dev/null
find / -maxdepth 2 -name id_rsa >/dev/null
grep -r -l "BEGIN RSA PRIVATE" /tmp/nonexist
touch /tmp/fl.log; shred -u /tmp/fl.log
cat /etc/ssh/../shadow >/dev/null
touch /bin/falco_below_bin; rm -f /bin/falco_below_bin
true
`

// TestFalcoSamples: with the published rules, the same actions raise the same lines that Falco printed, but for the
// time, and but for rules on events that are not captured yet.
func TestFalcoSamples(t *testing.T) {
	want := sampleLines(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "triggers.sh"), []byte(sampleTriggers), 0o700); err != nil {
		t.Fatal(err)
	}
	s := launch(t, "-r", testutil.Shared(t, "upstream-rules/falco_rules.yaml"), "-r",
		testutil.Shared(t, "upstream-rules/falco-incubating_rules.yaml"),
		"-r", testutil.Shared(t, "upstream-rules/falco-sandbox_rules.yaml"), "-o", "rule_matching=all")
	s.WaitLog("ready")
	// Three shells above the script, as when the samples were taken; "true" keeps each from replacing itself.
	cmd := exec.Command("bash", "-c", `bash -c "bash -c './triggers.sh; true'; true"; true`)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("run the triggers: %v\n%s", err, out)
	}
	if err := s.Cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for line := range s.Lines {
		got[withoutTime(line)] = true
	}
	for _, line := range want {
		if !got[line] {
			t.Errorf("Falco's line is missing: %s", line)
		}
	}
	if t.Failed() {
		for line := range got {
			t.Logf("got %s", line)
		}
	}
}

func sampleLines(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(testutil.Shared(t, "falco-samples/alerts-host.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "evt_type=symlinkat") || strings.Contains(line, "evt_type=linkat") {
			continue // not captured yet
		}
		lines = append(lines, withoutTime(strings.TrimSuffix(line, "\n")))
	}
	return lines
}

func withoutTime(line string) string {
	_, rest, _ := strings.Cut(line, ": ")
	return rest
}
