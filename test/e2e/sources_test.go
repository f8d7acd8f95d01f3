package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/testutil"
)

// One sensor watches the kernel and takes audit events of Kubernetes; a rule of each source alerts, before and after a reload.
func TestTwoSources(t *testing.T) {
	dir, address := t.TempDir(), testutil.FreeAddress(t)
	watched := filepath.Join(dir, "watched")
	rules := fmt.Sprintf(`
- rule: Opened
  desc: of the kernel
  condition: evt.type in (open, openat) and fd.name = %s
  output: "%%evt.source opened"
  priority: NOTICE
- rule: Created
  desc: of the API server
  condition: ka.verb = create
  output: "%%evt.source created by %%ka.user.name"
  priority: NOTICE
  source: k8s_audit
`, watched)
	for name, text := range map[string]string{
		"watched": "", "rules.yaml": rules,
		"falco.yaml": "json_output: true\nrules_files: [" + dir + "/rules.yaml]\nload_plugins: [k8saudit]\nplugins:\n" +
			"- {name: k8saudit, library_path: libk8saudit.so, open_params: \"http://" + address + "/k8s-audit\"}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := launch(t, "-c", dir+"/falco.yaml")
	s.WaitLog("ready")
	both := func(user string) {
		t.Helper()
		event := `{"kind":"Event","auditID":"1","stage":"ResponseComplete","stageTimestamp":"2026-08-01T10:00:00Z","verb":"create",` +
			`"user":{"username":"` + user + `"}}`
		answer, err := http.Post("http://"+address+"/k8s-audit", "application/json", strings.NewReader(event))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("the webhook answered %s", answer.Status)
		}
		a := s.Next("the API server's event", func(a *alert) bool { return a.Rule == "Created" })
		if a.Source != "k8s_audit" || !strings.Contains(a.Output, "k8s_audit created by "+user) {
			t.Errorf("%s: %s", a.Source, a.Output)
		}
		if _, err := os.ReadFile(watched); err != nil {
			t.Fatal(err)
		}
		if a := s.Next("the open", func(a *alert) bool { return a.Rule == "Opened" }); a.Source != "syscall" {
			t.Errorf("%s: %s", a.Source, a.Output)
		}
	}
	both("eve")
	if err := os.WriteFile(dir+"/rules.yaml", []byte(rules+"- list: unused\n  items: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.WaitLog("reloaded")
	both("mallory")
	s.Stop()
}
