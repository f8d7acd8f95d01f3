package sensor

import (
	"strings"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/config"
)

// TestSilenceLimit: canaries must have had the time to come.
func TestSilenceLimit(t *testing.T) {
	s := &sensor{Settings: Settings{Config: config.Default()}, watch: newWatch(5 * time.Second)}
	if got := s.silenceLimit(); got != 0 {
		t.Errorf("without canaries the limit is %v", got)
	}
	s.watch.counts.RingCanary.Sent = 1
	if got := s.silenceLimit(); got != 30*time.Second {
		t.Errorf("the default is %v", got)
	}
	s.Config.Timeouts.MaxConsecutives = 1
	if got := s.silenceLimit(); got != 10*time.Second {
		t.Errorf("at least %v", got)
	}
}

// TestSilence: it is told once in a limit, and a record ends it.
func TestSilence(t *testing.T) {
	s, lines := told(t, config.Drops{})
	s.loop, s.watch = &loop{}, newWatch(5*time.Second)
	s.watch.counts.CallCanary.Sent = 1
	look := func(ago time.Duration) {
		s.silence.report(s)
		if ago > 0 {
			s.silence.since = time.Now().Add(-ago)
		}
	}
	s.loop.stats.Records = 7
	look(29 * time.Second)
	look(31 * time.Second)
	look(0) // tells
	look(31 * time.Second)
	s.loop.stats.Records = 8
	look(0)
	got := lines()
	if len(got) != 1 {
		t.Fatalf("%d alerts: %v", len(got), got)
	}
	a := got[0]
	at, err := time.Parse(time.RFC3339Nano, a["output_fields"].(map[string]any)["last_event_time"].(string))
	if err != nil || time.Since(at) > time.Minute {
		t.Errorf("last event at %v, %v", at, err)
	}
	if a["priority"] != "Debug" || a["rule"] != "Falco internal: timeouts notification" ||
		!strings.HasSuffix(a["output"].(string), "Falco internal: timeouts notification. 1000 consecutive timeouts without event.") {
		t.Errorf("%v", a)
	}
}
