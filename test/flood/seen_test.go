package flood

import (
	"encoding/json"
	"strings"

	"github.com/saker-sensor/saker/internal/testutil"
)

// seen is what came on the sensor's standard output. It belongs to read until ended is closed.
type seen struct {
	floods uint64
	// commands has the number of alerts of each short command.
	commands map[string]int
	// others are alerts of other rules: those of the sensor about itself.
	others uint64
	// drops are the internal alerts about lost records; dropped is closed with the first one.
	drops   []testutil.Alert
	dropped chan struct{}
	ended   chan struct{}
}

func newSeen() *seen {
	return &seen{commands: map[string]int{}, dropped: make(chan struct{}), ended: make(chan struct{})}
}

func (s *seen) read(lines <-chan string) {
	defer close(s.ended)
	for line := range lines {
		// A flood of them would take long to parse.
		if strings.Contains(line, `"rule":"Flood"`) {
			s.floods++
			continue
		}
		var a testutil.Alert
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			continue // counted as written, and as nothing here
		}
		switch {
		case a.Rule == "Short command":
			s.commands[a.Field("proc.args")]++
		case !strings.HasSuffix(a.Rule, "syscall event drop"):
			s.others++
		default:
			if s.drops = append(s.drops, a); len(s.drops) == 1 {
				close(s.dropped)
			}
		}
	}
}
