package inspect

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/testutil"
)

// TestDocumentedExample: the files of docs/testing-rules.md are what the page says, and so is what the commands print.
func TestDocumentedExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/testing-rules.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, m := range regexp.MustCompile("(?s)```yaml\n# (\\w+\\.yaml)\n.*?\n```").FindAllSubmatch(page, -1) {
		text := strings.TrimSuffix(strings.TrimPrefix(string(m[0]), "```yaml\n"), "```")
		if err := os.WriteFile(filepath.Join(dir, string(m[1])), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	var out bytes.Buffer
	if err := Test(&out, config.Default(), []string{"web_test.yaml"}, TestSettings{Format: "text", Coverage: true}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if line := lastLine(out.String()); !strings.Contains(string(page), line) {
		t.Errorf("the page does not have what is printed: %s", line)
	}
	out.Reset()
	if err := ExplainEvents(&out, config.Default(), EventQuery{Rule: "Shell of a web server", File: "web_test.yaml", Event: 3}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), out.String()) {
		t.Errorf("the page does not have what is printed:\n%s", out.String())
	}
	tests, err := os.ReadFile("web_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	broken := strings.Replace(string(tests), "parent: nginx", "parent: apache2", 1)
	if err := os.WriteFile("web_test.yaml", []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := Test(&out, config.Default(), []string{"web_test.yaml"}, TestSettings{Format: "text"}); !errors.Is(err, ErrFailed) {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "    ") && !strings.Contains(string(page), line) {
			t.Errorf("the page does not have what is printed: %s", line)
		}
	}
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// TestRecordings: a test's events, and those of an explanation, may come from a capture.
func TestRecordings(t *testing.T) {
	capture := testutil.Shared(t, "regression/captures/cat_write.scap")
	dir := t.TempDir()
	rules, tests := filepath.Join(dir, "r.yaml"), filepath.Join(dir, "t.yaml")
	for name, text := range map[string]string{
		rules: "- rule: Cache\n  desc: d\n  condition: evt.type = open and fd.name = /etc/ld.so.cache\n  output: x %fd.name\n  priority: INFO\n" +
			"- rule: Shadow\n  desc: d\n  condition: evt.type = open and fd.name = /etc/shadow\n  output: x\n  priority: INFO\n",
		tests: "rules: r.yaml\ntests:\n- {name: a, recording: " + capture + ", expect_only: {rule: Cache, fields: {proc.name: cat}}}\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := Test(&out, config.Default(), []string{dir + "/t.yaml"}, TestSettings{Format: "text"}); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	cfg := config.Default()
	cfg.RulesFiles = []string{rules}
	out.Reset()
	if err := ExplainEvents(&out, cfg, EventQuery{Rule: "Shadow", File: capture}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"The condition is true of 0 of ", "fd.name = /etc/shadow is false; fd.name is /etc/ld.so.cache"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("no %q in\n%s", part, out.String())
		}
	}
}
