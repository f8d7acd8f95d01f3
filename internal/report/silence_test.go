package report

import (
	"strings"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/config"
)

func TestSilenceLimit(t *testing.T) {
	var q silence
	cfg := config.Default()
	q.configure(&cfg)
	if q.limit != 30*time.Second {
		t.Errorf("the default is %v", q.limit)
	}
	cfg.Timeouts.MaxConsecutives = 1
	q.configure(&cfg)
	if q.limit != 10*time.Second {
		t.Errorf("at least %v", q.limit)
	}
}

// TestSilence: it is told once in a limit, a record ends it, and without canaries it is none.
func TestSilence(t *testing.T) {
	cfg := config.Default()
	start := time.Now()
	for _, tt := range []struct {
		name    string
		canary  uint64
		seconds []int
		records []uint64
		want    int
	}{
		{"before the limit", 1, []int{0, 29}, []uint64{7, 7}, 0},
		{"told once in a limit", 1, []int{0, 31, 32, 60}, []uint64{7, 7, 7, 7}, 1},
		{"told again", 1, []int{0, 31, 62}, []uint64{7, 7, 7}, 2},
		{"a record comes", 1, []int{0, 29, 31}, []uint64{7, 8, 8}, 0},
		{"no canary yet", 0, []int{0, 31}, []uint64{7, 7}, 0},
	} {
		r := NewReporter(&cfg, &Snapshot{})
		var notices []Notice
		for i, s := range tt.seconds {
			now := &Snapshot{Wall: start.Add(time.Duration(s) * time.Second), Stats: Stats{Records: tt.records[i]}}
			now.Self.CallCanary.Sent = tt.canary
			more, err := r.Report(now, nil)
			if err != nil {
				t.Fatal(err)
			}
			notices = append(notices, more...)
		}
		got := alertsOf(notices)
		if len(got) != tt.want {
			t.Errorf("%s: %d alerts: %v", tt.name, len(got), got)
		}
		for _, a := range got {
			if a.Fields["last_event_time"] != start.UTC().Format(time.RFC3339Nano) || a.Priority != "Debug" ||
				a.Rule != "Falco internal: timeouts notification" ||
				!strings.HasSuffix(a.Message, "Falco internal: timeouts notification. 1000 consecutive timeouts without event.") {
				t.Errorf("%s: %v", tt.name, a)
			}
		}
	}
}
