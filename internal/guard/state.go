package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// State is what a run leaves for the next one.
type State struct {
	// BootID names the machine's boot (/proc/sys/kernel/random/boot_id).
	BootID string `json:"boot_id"`
	// Start and Alive are ns since boot: when the run began, and when its event loop was last seen running.
	Start time.Duration `json:"start"`
	Alive time.Duration `json:"alive"`
	// AliveTime is Alive by the wall clock, for when the boot was another one.
	AliveTime time.Time `json:"alive_time"`
	// Clean: the run ended by itself.
	Clean   bool   `json:"clean"`
	Version string `json:"version"`
	PID     int    `json:"pid"`
}

// ErrTaken: another sensor keeps its state in this file.
var ErrTaken = errors.New("another sensor that runs keeps it")

// StateFile is locked for as long as it is open, by the kernel: however a run ends, the next one finds it free.
type StateFile struct{ f *os.File }

// maxState bounds what is read of a state file, in bytes.
const maxState = 4096

// OpenState opens or makes the file, and its folder, for root alone. The state of the last run is nil if there is none.
// A file that does not hold one is an error, and is open nevertheless.
func OpenState(path string) (*StateFile, *State, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, nil, fmt.Errorf("make the state file's folder: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open the state file: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrTaken
		}
		return nil, nil, errors.Join(fmt.Errorf("lock the state file %s: %w", path, err), f.Close())
	}
	s := &StateFile{f}
	text, err := io.ReadAll(io.LimitReader(f, maxState))
	if err != nil {
		return s, nil, fmt.Errorf("read the state file %s: %w", path, err)
	}
	if len(text) == 0 {
		return s, nil, nil
	}
	var last State
	if err := json.Unmarshal(text, &last); err != nil {
		return s, nil, fmt.Errorf("read the state file %s: %w", path, err)
	}
	return s, &last, nil
}

// Write puts a state in place of the one before.
func (s *StateFile) Write(state State) error {
	text, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("write the state file: %w", err)
	}
	// One call, so that a kill leaves the old state or the new one. A shorter state ends in blanks.
	if n := len(text); n < 512 {
		text = append(text, strings.Repeat(" ", 511-n)+"\n"...)
	}
	if _, err := s.f.WriteAt(text, 0); err != nil {
		return fmt.Errorf("write the state file: %w", err)
	}
	if err := s.f.Truncate(int64(len(text))); err != nil {
		return fmt.Errorf("write the state file: %w", err)
	}
	return nil
}

// Close lets the next run have the file.
func (s *StateFile) Close() error { return s.f.Close() }

// BootID names this boot; empty if the kernel does not tell.
func BootID() string {
	text, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text))
}

// End is how a run ended.
type End string

const (
	// Stopped: by itself, or by a signal that it obeyed.
	Stopped End = "stopped cleanly"
	// Killed: without a word. It may have crashed, too.
	Killed End = "killed or crashed"
	// Rebooted: stopped cleanly, and the machine was booted anew since.
	Rebooted End = "stopped cleanly, and the machine rebooted"
	// Lost: the machine went down under it.
	Lost End = "running when the machine went down"
)

// Absence is the time from one run's end to the next one's start.
type Absence struct {
	For time.Duration
	End End
}

// Absence tells how long nothing was watched when a new run begins now, in the boot of this id.
func (s *State) Absence(bootID string, now Moment, wall time.Time) Absence {
	if s.BootID == bootID {
		a := Absence{For: now.Boot - s.Alive, End: Killed}
		if s.Clean {
			a.End = Stopped
		}
		return a
	}
	a := Absence{For: wall.Sub(s.AliveTime), End: Lost}
	if s.Clean {
		a.End = Rebooted
	}
	return a
}
