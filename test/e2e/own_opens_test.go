package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/testutil"
)

// TestWatchedFilesAreNotOpened: a sensor finds out every few seconds which inodes the file names in its rules have, and whether the
// account files have changed, without opening any of them. Another sensor beside it would report each open as a read of that file.
func TestWatchedFilesAreNotOpened(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(sensorBinary)
	if err == nil {
		err = os.WriteFile(dir+"/observed", program, 0o755)
	}
	for _, name := range []string{"/secret", "/target"} {
		if err == nil {
			err = os.WriteFile(dir+name, nil, 0o600)
		}
	}
	if err == nil {
		err = os.Symlink(dir+"/target", dir+"/link")
	}
	if err != nil {
		t.Fatal(err)
	}
	watched := []string{dir + "/secret", dir + "/link", dir + "/target", "/etc/shadow", "/etc/sudoers", "/etc/pam.conf", "/root/.bashrc"}
	const observe = `
- rule: observed
  desc: d
  condition: evt.type in (open, creat, openat, openat2, open_by_handle_at) and proc.exepath = DIR/observed
  output: "%evt.type %fd.name"
  priority: NOTICE
`
	observer := startSensor(t, "-r", testutil.RulesFile(t, strings.ReplaceAll(observe, "DIR", dir)))
	rules := testutil.RulesFile(t, fmt.Sprintf(`
- rule: watched
  desc: d
  condition: evt.type in (open, openat, openat2) and fd.name in (%s)
  output: "%%fd.name %%fd.name.given %%fd.name.watched"
  priority: NOTICE
`, strings.Join(watched, ", ")))
	s := testutil.StartSensor(t, dir+"/observed", "-r", rules)
	ready := time.Now()

	// A file that takes the place of a watched one is noticed: each time that is one more lookup of all names.
	for i := range 3 {
		fresh, other := dir+"/fresh", fmt.Sprintf("%s/other%d", dir, i)
		if err := os.WriteFile(fresh, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(fresh, other); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(fresh, dir+"/secret"); err != nil {
			t.Fatal(err)
		}
		seen := make(chan struct{})
		go func() {
			defer close(seen)
			s.Next(other, func(a *alert) bool {
				return a.Field("fd.name.given") == other && a.Field("fd.name.watched") == dir+"/secret"
			})
		}()
		openUntil(t, other, seen)
	}
	s.Stop()

	// Its last open that matters here, as a sign that those before have been reported.
	end := testutil.RulesFile(t, "- list: end\n  items: []\n")
	if out, err := exec.Command(dir+"/observed", "-c", os.DevNull, "-V", end).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	readRules := false
	observer.Next("the end", func(a *alert) bool {
		name := a.Field("fd.name")
		readRules = readRules || name == rules
		if slices.Contains(watched, name) {
			t.Errorf("it has opened %s by %s", name, a.Field("evt.type"))
		}
		if (name == "/etc/passwd" || name == "/etc/group") && a.Time.After(ready) {
			t.Errorf("it has opened %s, which had not changed, by %s", name, a.Field("evt.type"))
		}
		return name == end
	})
	if !readRules {
		t.Error("its opens were not seen")
	}
}

// openUntil opens a file again and again until something has been seen.
func openUntil(t *testing.T, name string, seen <-chan struct{}) {
	t.Helper()
	for {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		select {
		case <-seen:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}
