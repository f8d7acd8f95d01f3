package guard

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "saker", "state")
	f, last, err := OpenState(path)
	if err != nil || last != nil {
		t.Fatalf("the first run finds %+v, %v", last, err)
	}
	if _, _, err := OpenState(path); !errors.Is(err, ErrTaken) {
		t.Errorf("a second sensor at once: %v", err)
	}
	for _, p := range []struct {
		path string
		mode os.FileMode
	}{{path, 0o600}, {filepath.Dir(path), os.ModeDir | 0o700}} {
		if info, err := os.Stat(p.path); err != nil || info.Mode() != p.mode {
			t.Errorf("%s: %v, %v", p.path, info.Mode(), err)
		}
	}
	long := State{BootID: "a", Version: strings.Repeat("v", 700)}
	want := State{BootID: BootID(), Start: 5, Alive: 7, AliveTime: time.Unix(1000, 0).UTC(), Clean: true, Version: "1", PID: 3}
	for _, s := range []State{long, want} {
		if err := f.Write(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f, last, err = OpenState(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if diff := cmp.Diff(&want, last); diff != "" {
		t.Error(diff)
	}
	if want.BootID == "" {
		t.Error("the boot has no name")
	}
}

// A file that holds something else is told, and used from then on.
func TestBadState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(path, []byte("not a state"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, last, err := OpenState(path)
	if err == nil || last != nil || f == nil {
		t.Fatalf("got %v, %+v, %v", f, last, err)
	}
	defer f.Close()
	if err := f.Write(State{PID: 1}); err != nil {
		t.Error(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenState(link); err == nil {
		t.Error("a link was followed")
	}
}

func TestAbsence(t *testing.T) {
	wall := time.Unix(5000, 0)
	now := Moment{Boot: 100 * time.Second}
	for _, tt := range []struct {
		name string
		last State
		want Absence
	}{
		{"stopped", State{BootID: "b", Alive: 90 * time.Second, Clean: true}, Absence{10 * time.Second, Stopped}},
		{"killed", State{BootID: "b", Alive: 90 * time.Second}, Absence{10 * time.Second, Killed}},
		{"rebooted", State{BootID: "a", AliveTime: wall.Add(-time.Hour), Clean: true}, Absence{time.Hour, Rebooted}},
		{"power lost", State{BootID: "a", AliveTime: wall.Add(-time.Hour)}, Absence{time.Hour, Lost}},
	} {
		if got := tt.last.Absence("b", now, wall); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
