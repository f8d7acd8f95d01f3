// Package golden keeps the alerts of recordings that are committed, one for each family of events: what rules see of them must not
// change unnoticed. No test but the one that records them anew needs root.
//
// A recording is a capture (.scap), which has no schema that a change of the kernel's side makes unreadable.
package golden

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/testutil"
)

var (
	update = flag.Bool("update", false, "renew the alerts of the recordings")
	record = flag.Bool("record", false, "renew the recordings; needs root")
)

var sensorBinary string

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == actWord {
		os.Exit(act(os.Args[2]))
	}
	testutil.RunWithSensor(m, &sensorBinary)
}

// families are those that the rules name, each with an act and a recording.
var families = []string{"exec", "open", "network", "names", "process", "memory", "namespaces", "kernel", "io_uring", "signals"}

const rulesFile = "testdata/rules.yaml"

func capturePath(family string) string { return filepath.Join("testdata", family+".scap") }

// TestGolden replays each recording and compares its alerts with those of before.
func TestGolden(t *testing.T) {
	for _, family := range families {
		t.Run(family, func(t *testing.T) {
			got, golden := replay(t, capturePath(family)), filepath.Join("testdata", family+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("the alerts differ (-before +now); if they have to, renew them with -update:\n%s", d)
			}
			if got == "" {
				t.Error("no alert")
			}
		})
	}
}

// TestAnonymous: nothing of the machine that made them is in the recordings.
func TestAnonymous(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"GOLDEN=", "GODEBUG=", "PATH="}
	for _, family := range families {
		text, err := os.ReadFile(capturePath(family))
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{host, "/home/", "/work/", "/root/", "/tmp/Test", "HOSTNAME=", "HOME=", "USER="} {
			if bytes.Contains(text, []byte(bad)) {
				t.Errorf("%s has %q", family, bad)
			}
		}
		for i, word := range bytes.Split(text, []byte{0}) {
			name, _, assigned := strings.Cut(string(word), "=")
			upper := len(name) > 3 && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
			if assigned && upper && !slices.Contains(allowed, name+"=") {
				t.Errorf("%s has a variable of the environment, word %d: %q", family, i, word)
			}
		}
	}
}

// replay returns the alerts of a recording, a line each.
func replay(t *testing.T, path string) string {
	t.Helper()
	var out, said bytes.Buffer
	cmd := exec.Command(sensorBinary, "replay", "-c", "testdata/sensor.yaml", "-r", rulesFile, path)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("replay %s: %v\n%s", path, err, said.Bytes())
	}
	return out.String()
}
