package sensor

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay"
	"github.com/saker-sensor/saker/internal/replay/recording"
	"github.com/saker-sensor/saker/internal/replay/recording/recordingtest"
	"github.com/saker-sensor/saker/internal/report"
)

// captureTest feeds captures with opens, one a millisecond, of files that are called by their number and container.
type captureTest struct {
	*captures
	t      *testing.T
	prefix string
	logged *observer.ObservedLogs
	n      int
	clock  *event.Clock
}

func newCaptureTest(t *testing.T, change func(*config.Capture)) *captureTest {
	cfg := config.Default()
	prefix := filepath.Join(t.TempDir(), "a[b]*c")
	cfg.Capture.Enabled, cfg.Capture.PathPrefix, cfg.Capture.DefaultDuration, cfg.Capture.Before = true, prefix, 10, 5
	change(&cfg.Capture)
	core, logged := observer.New(zap.InfoLevel)
	return &captureTest{
		captures: newCaptures(&cfg, recording.Header{}, zap.New(core)), t: t, prefix: prefix, logged: logged, clock: event.NewClock(1e18),
	}
}

// open is the next event; of a rule that is not nil it is a match.
func (c *captureTest) open(container string, rule *engine.Rule) {
	c.t.Helper()
	ev := recordingtest.Open(c.t, c.n*1e6, fmt.Sprintf("/%s/%d", container, c.n), c.clock)
	c.n++
	ev.Num, ev.ContainerID = uint64(c.n), container
	c.add(ev)
	if rule != nil {
		c.matched(rule, ev)
	}
}

// files are what each file has, in the order of their matches: the names of the opened files, without the slash.
func (c *captureTest) files() (all []string) {
	c.t.Helper()
	if err := c.close(); err != nil {
		c.t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(c.prefix))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range entries {
		f, err := replay.Open(filepath.Join(filepath.Dir(c.prefix), e.Name()))
		if err != nil {
			c.t.Fatal(err)
		}
		var names []string
		for ev, err := f.Next(); err == nil; ev, err = f.Next() {
			names = append(names, ev.File.Given[1:])
		}
		if err := f.Close(); err != nil {
			c.t.Fatal(err)
		}
		all = append(all, strings.Join(names, " "))
	}
	return all
}

func (c *captureTest) run(container string, n int) {
	for range n {
		c.open(container, nil)
	}
}

var captured = &engine.Rule{Name: "Captured", Capture: true}

// TestCaptureWindow: a file has the events of the time before the match and of the time after the last match, and no others.
func TestCaptureWindow(t *testing.T) {
	c := newCaptureTest(t, func(*config.Capture) {})
	c.run("host", 20)
	c.open("host", captured) // 20: from 15 to 30
	c.run("host", 4)
	c.open("host", &engine.Rule{Name: "Longer", Capture: true, CaptureLimits: rulefile.CaptureLimits{Duration: 12}}) // 25: to 37
	c.open("host", &engine.Rule{Name: "Not captured"})
	c.run("host", 30)
	var want []string
	for i := 15; i <= 37; i++ {
		want = append(want, fmt.Sprint("host/", i))
	}
	if got := c.files(); !slices.Equal(got, []string{strings.Join(want, " ")}) {
		t.Errorf("got %q, want one file with %q", got, want)
	}
}

// TestCapturePerContainer: each container has a file of its own, of at most four at a time; the log tells once of what is not captured.
func TestCapturePerContainer(t *testing.T) {
	c := newCaptureTest(t, func(s *config.Capture) {
		s.PerContainer, s.Mode, s.DefaultDuration = true, config.CaptureAllRules, 20
	})
	plain := &engine.Rule{Name: "Any"}
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		c.open(id, nil)
		c.open(id, plain)
	}
	c.open("a", nil)
	if got, want := c.files(), []string{"a/0 a/1 a/12", "b/2 b/3", "c/4 c/5", "d/6 d/7"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := c.logged.FilterMessage("a match is not captured").Len(); n != 1 {
		t.Errorf("told %d times of it", n)
	}
	if n := c.counters(); n != (report.Captures{Begun: 4, Refused: 2, Recorded: 9}) {
		t.Errorf("counted %+v", n)
	}
}

// TestCaptureMaxFiles: no capture begins while there are as many files as there may be, whatever the prefix looks like.
func TestCaptureMaxFiles(t *testing.T) {
	c := newCaptureTest(t, func(s *config.Capture) { s.MaxFiles = 2 })
	for range 4 {
		c.open("host", captured)
		c.run("host", 30)
	}
	if got := c.files(); len(got) != 2 {
		t.Errorf("%d files", len(got))
	}
	if c.logged.FilterMessage("a match is not captured").Len() != 1 || c.logged.FilterMessage("capture ended").Len() != 2 {
		t.Errorf("the log: %v", c.logged.All())
	}
}

// TestCaptureEnds: a capture ends with its number of events or its size, too, of the rule or else of the configuration; a further match
// lets it go on, and one without a limit takes the limit away.
func TestCaptureEnds(t *testing.T) {
	of := func(events, filesize uint32) *engine.Rule {
		limits := rulefile.CaptureLimits{Duration: 40, Events: events, Filesize: filesize}
		return &engine.Rule{Name: "Limited", Capture: true, CaptureLimits: limits}
	}
	for _, tt := range []struct {
		name    string
		general config.Capture
		matches map[int]*engine.Rule
		last    int
	}{
		{"events", config.Capture{}, map[int]*engine.Rule{5: of(3, 0)}, 8},
		{"extended", config.Capture{}, map[int]*engine.Rule{5: of(3, 0), 7: of(4, 0)}, 11},
		{"not shortened", config.Capture{}, map[int]*engine.Rule{5: of(9, 0), 7: of(1, 0)}, 14},
		{"no limit", config.Capture{}, map[int]*engine.Rule{5: of(3, 0), 7: of(0, 0)}, 47},
		{"configuration's", config.Capture{DefaultEvents: 2}, map[int]*engine.Rule{5: of(0, 0)}, 7},
		{"own first", config.Capture{DefaultEvents: 2}, map[int]*engine.Rule{5: of(6, 0)}, 11},
		{"size", config.Capture{DefaultFilesize: 1 << 20}, map[int]*engine.Rule{5: of(0, 1<<20)}, 45},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCaptureTest(t, func(s *config.Capture) {
				s.DefaultEvents, s.DefaultFilesize = tt.general.DefaultEvents, tt.general.DefaultFilesize
			})
			for i := range 60 {
				c.open("host", tt.matches[i])
			}
			files := c.files()
			if len(files) != 1 || !strings.HasPrefix(files[0], "host/0 ") || !strings.HasSuffix(files[0], fmt.Sprintf("host/%d", tt.last)) {
				t.Errorf("got %q, want one file to %d", files, tt.last)
			}
		})
	}
}

// TestCaptureFilesize: the file ends once so much of it is written, although the time is not over.
func TestCaptureFilesize(t *testing.T) {
	c := newCaptureTest(t, func(s *config.Capture) { s.DefaultDuration, s.DefaultFilesize = 1<<31, 20 })
	c.open("host", captured)
	for i := 0; len(c.running) > 0; i++ {
		if i > 1<<22 {
			t.Fatal("the limit does not end the capture")
		}
		c.open("host", nil)
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	if n := c.counters(); n.Begun != 1 || n.Recorded == 0 || n.Refused+n.Lost != 0 {
		t.Errorf("counted %+v", n)
	}
}

// TestCaptureScap: in the format of Falco's tools a file has the same events, and nothing is left beside it.
func TestCaptureScap(t *testing.T) {
	c := newCaptureTest(t, func(s *config.Capture) { s.Format, s.DefaultDuration = config.CaptureScap, 3 })
	c.run("host", 3)
	c.open("host", captured)
	c.run("host", 10)
	if got, want := c.files(), "host/0 host/1 host/2 host/3 host/4 host/5 host/6"; len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for suffix, n := range map[string]int{scapSuffix: 1, captureSuffix: 0} {
		if there, err := filepath.Glob(globQuoted(c.prefix) + "_*" + suffix); err != nil || len(there) != n {
			t.Errorf("files %v, %v", there, err)
		}
	}
}
