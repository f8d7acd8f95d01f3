package golden

import (
	"cmp"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/goccy/go-yaml"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/export"
	"github.com/saker-sensor/saker/internal/replay/recording"
	"github.com/saker-sensor/saker/internal/testutil"
)

// TestRecorded records what the recordings have anew, under the real sensor: it gives the same alerts, as far as they are the same on
// each machine. With -record it renews the recordings.
func TestRecorded(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: the sensor loads BPF programs")
	}
	dir, out := t.TempDir(), t.TempDir()
	makeRoot(t, dir)
	file := filepath.Join(out, "recording")
	s := testutil.LaunchSensor(t, sensorBinary, "record", file, "-c", os.DevNull, "--filter",
		`proc.env contains "GOLDEN=" and evt.type in (`+strings.Join(types(t), ", ")+")")
	s.WaitLog("ready")
	for _, family := range families {
		cmd := exec.Command(actor, actWord, family)
		cmd.Dir, cmd.Env = "/", []string{"PATH=/bin", "GOLDEN=" + family, "GODEBUG=asyncpreemptoff=1"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Setsid: true, Unshareflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET}
		var exit *exec.ExitError
		if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
	}
	s.Stop()
	fresh := exportAll(t, file, out)
	for _, family := range families {
		t.Run(family, func(t *testing.T) {
			got := stable(replay(t, fresh[family]))
			if *record {
				text, err := os.ReadFile(fresh[family])
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(capturePath(family), text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if d := gocmp.Diff(stable(replay(t, capturePath(family))), got); d != "" {
				t.Errorf("the recording has (-) what is recorded now otherwise (+); renew it with -record as root:\n%s", d)
			}
		})
	}
}

// makeRoot makes the root directory of the actor: what it does has the same names on each machine.
func makeRoot(t *testing.T, dir string) {
	t.Helper()
	for _, sub := range []string{"bin", "etc", "mnt", "run", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"etc/shadow": "root:*:1::::::\n", "etc/hosts": "127.0.0.1 localhost\n", "tmp/script": "#!" + actor + " " + actWord + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../etc/shadow", filepath.Join(dir, "tmp/link")); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "test", "-c", "-o", filepath.Join(dir, actor), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the actor: %v\n%s", err, said)
	}
}

// types are the event types of the rules' lists.
func types(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	var items []struct {
		List  string
		Items []string
	}
	if err := yaml.Unmarshal(text, &items); err != nil {
		t.Fatal(err)
	}
	for _, i := range items {
		all = append(all, i.Items...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// exportAll writes a capture of the events of each family, without what they tell of the machine.
func exportAll(t *testing.T, file, dir string) map[string]string {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	r, err := recording.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	paths, exporters := map[string]string{}, map[string]*export.Exporter{}
	for _, family := range families {
		paths[family] = filepath.Join(dir, family+".scap")
		f, err := os.Create(paths[family])
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if exporters[family], err = export.New(f, export.Settings{Hostname: "golden", Dir: dir}); err != nil {
			t.Fatal(err)
		}
	}
	var all []*event.Event
	for {
		ev, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ev.Clone())
	}
	// The kernel has two rings, whose records have no common order.
	slices.SortStableFunc(all, func(a, b *event.Event) int { return cmp.Compare(a.Boot, b.Boot) })
	a := anonymizer{}
	for _, ev := range all {
		a.event(ev)
		if err := exporters[familyOf(ev.Process)].Write(ev); err != nil {
			t.Fatal(err)
		}
	}
	for family, e := range exporters {
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if e.Counters().Events == 0 {
			t.Errorf("no events of the family %s", family)
		}
	}
	return paths
}

// familyOf is the family for which a process acts; empty if it is not one of the actor's.
func familyOf(p *event.Process) string {
	for _, v := range p.Env {
		if family, ok := strings.CutPrefix(v, "GOLDEN="); ok {
			return family
		}
	}
	return ""
}

// anonymizer takes out of events what they tell of the machine: ancestors, accounts, cgroups and containers.
type anonymizer map[*event.Process]*event.Process

func (a anonymizer) event(ev *event.Event) {
	ev.Process = a.process(ev.Process)
	ev.ContainerID, ev.Container, ev.ContainerMissing, ev.PodMeta, ev.Hosts = event.HostID, nil, "", nil, nil
	ev.Accounts = &event.Accounts{
		Users: map[uint32]event.User{0: {Name: "root", Home: "/root", Shell: "/bin/sh"}}, Groups: map[uint32]string{0: "root"},
	}
	if ev.Caller != nil {
		ev.Caller.Cgroups = [5]string{}
	}
}

// process is the actor's process without what is above the actor.
func (a anonymizer) process(p *event.Process) *event.Process {
	if p == nil || familyOf(p) == "" {
		return nil
	}
	if known := a[p]; known != nil {
		return known
	}
	const unset = 1<<32 - 1
	own := *p
	own.LoginUID, own.TTY = unset, 0
	if own.Parent = a.process(p.Parent); own.Parent == nil {
		own.Ppid = 1
	}
	a[p] = &own
	return &own
}

// stable is what alerts have in front of their bar, without the time, sorted: what two processes do at a time has no order.
func stable(alerts string) []string {
	lines := strings.Split(regexp.MustCompile(`(?m)^\S+ (.*?) ?\|.*$`).ReplaceAllString(alerts, "$1"), "\n")
	slices.Sort(lines)
	return lines
}
