package sensor

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/recording"
	"github.com/saker-sensor/saker/internal/replay/recording/recordingtest"
	"github.com/saker-sensor/saker/internal/replay/scap"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
	"github.com/saker-sensor/saker/internal/testutil"
)

// recordOpens records opens of files with these names, one a millisecond from the begin of 2026 on, by one process.
func recordOpens(t testing.TB, n int, name func(int) string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recording")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := recording.NewWriter(f, recording.Header{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	clock := event.NewClock(1767225600e9)
	var process *event.Process
	for i := range n {
		ev := recordingtest.Open(t, i*1e6, name(i), clock)
		if process == nil {
			process = ev.Process
		}
		if ev.Process = process; w.Add(ev) != nil {
			t.Fatal("an event was not recorded")
		}
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

const replayRules = `
- rule: Opened
  desc: d
  condition: evt.type = openat and fd.name startswith /etc/
  output: opened %fd.name
  priority: NOTICE
`

// replayed gives recorded events to the rules and returns alerts, the exit text, and how it ended.
func replayed(t testing.TB, rules string, change func(*config.Config), what ReplaySettings) (alerts []string, summary string, err error) {
	t.Helper()
	cfg := config.Default()
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.RulesFiles, cfg.JSONOutput, cfg.WatchFiles = []string{path}, true, false
	if change != nil {
		change(&cfg)
	}
	var out, said bytes.Buffer
	err = Replay(context.Background(), Settings{Config: cfg, Version: "test", Stdout: &out, Stderr: &said, Log: zap.NewNop()}, what)
	for line := range strings.Lines(out.String()) {
		alerts = append(alerts, line)
	}
	return alerts, said.String(), err
}

// TestReplay: each recorded event meets the rules, at the time at which it happened, whatever the queue holds.
func TestReplay(t *testing.T) {
	first := recordOpens(t, 3000, func(i int) string { return [...]string{"/etc/", "/tmp/"}[i%2] + fmt.Sprint(i) })
	second := recordOpens(t, 1, func(int) string { return "/etc/last" })
	alerts, summary, err := replayed(t, replayRules, func(c *config.Config) { c.OutputsQueue.Capacity = 2 },
		ReplaySettings{Files: []string{first, second}})
	if err != nil || len(alerts) != 1501 {
		t.Fatalf("%d alerts, %v", len(alerts), err)
	}
	for i, line := range alerts {
		var a testutil.Alert
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		name, at := fmt.Sprint("/etc/", 2*i), time.Unix(1767225601, int64(2*i)*1e6)
		if i == 1500 {
			name, at = "/etc/last", time.Unix(1767225601, 0)
		}
		if a.Field("fd.name") != name || !a.Time.Equal(at) {
			t.Fatalf("alert %d: %s", i, line)
		}
	}
	for _, want := range []string{
		"Events detected: 1501\n", "   Opened: 1501\n", "Events seen: 3001 (from recordings)\n", "1501 written, 0 dropped",
	} {
		if !strings.Contains(summary, want) {
			t.Errorf("the exit text lacks %q:\n%s", want, summary)
		}
	}
}

// TestReplayCut: what a file has before its damage is walked, then the error names the place.
func TestReplayCut(t *testing.T) {
	path := recordOpens(t, 12000, func(i int) string { return fmt.Sprint("/etc/", i) })
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text[:len(text)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	alerts, _, err := replayed(t, replayRules, nil, ReplaySettings{Files: []string{path}})
	var at *recording.Error
	if !errors.As(err, &at) || !errors.Is(err, recording.ErrCut) || at.Offset != int64(bytes.LastIndex(text, []byte("SBLK"))) {
		t.Errorf("the end: %v", err)
	}
	if len(alerts) == 0 || len(alerts) >= 12000 ||
		!strings.Contains(alerts[len(alerts)-1], fmt.Sprintf(`"fd.name":"/etc/%d"`, len(alerts)-1)) {
		t.Errorf("%d alerts before it", len(alerts))
	}
}

// TestReplaySaysWhatIsLost: what of a capture is not known, or contradicts the rest, is told once the file was walked.
func TestReplaySaysWhatIsLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "capture.scap")
	var text bytes.Buffer
	w := scap.NewWriter(&text)
	w.Section()
	at := text.Len()
	zero := make([]byte, 8)
	for _, ev := range []scap.Event{
		{Code: schema.CloseX, Tid: 1, Params: [][]byte{zero}}, {Code: schema.ReadE, Tid: 1, Params: [][]byte{zero, zero[:4]}},
		{Code: schema.CloseX, Tid: 1, Params: [][]byte{zero}},
	} {
		w.Event(&ev)
	}
	const codeOffset = 8 + 2 + 20 // in the block of an event: behind its head, the CPU, and time, thread and length
	binary.LittleEndian.PutUint16(text.Bytes()[at+codeOffset:], 0x7fff)
	if err := errors.Join(w.Err(), os.WriteFile(path, text.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	core, logged := observer.New(zap.WarnLevel)
	cfg := config.Default()
	cfg.WatchFiles = false
	if err := Replay(context.Background(), Settings{Config: cfg, Version: "test", Stdout: io.Discard, Stderr: io.Discard, Log: zap.New(core)},
		ReplaySettings{Files: []string{path}}); err != nil {
		t.Fatal(err)
	}
	told := logged.FilterMessage("not all of a capture is shown").All()
	if len(told) != 1 {
		t.Fatalf("the log: %v", logged.All())
	}
	got := told[0].ContextMap()
	one := uint64(1)
	if got["file"] != path || got["events_unknown"] != one || got["events_not_converted"] != one || got["blocks_unknown"] != uint64(0) {
		t.Errorf("told %v", got)
	}
}

// TestReplayDeduplicates: windows of held alerts end by recorded time, not by the clock on the wall.
func TestReplayDeduplicates(t *testing.T) {
	path := recordOpens(t, 10_000, func(int) string { return "/etc/same" })
	alerts, _, err := replayed(t, replayRules, func(c *config.Config) { c.Deduplication.Window = 3 * time.Second },
		ReplaySettings{Files: []string{path}})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(alerts); n < 6 || n > 8 { // at 0, 3, 6 and 9 s, and those that tell how many were held back
		t.Errorf("%d alerts:\n%s", n, strings.Join(alerts, ""))
	}
}

// TestReplayPace: at a speed the last event comes when it is due, and the progress is told.
func TestReplayPace(t *testing.T) {
	path := recordOpens(t, 1001, func(i int) string { return fmt.Sprint("/etc/", i) })
	told := make(chan Progress, 100)
	begin := time.Now()
	what := ReplaySettings{Files: []string{path}, Speed: 2, Progress: func(p Progress) { told <- p }}
	if _, _, err := replayed(t, replayRules, nil, what); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < 500*time.Millisecond {
		t.Errorf("a second at speed 2 took %v", took)
	}
	close(told)
	var last Progress
	for last = range told {
	}
	if !last.Done || last.Size == 0 || last.Read != last.Size || last.File != path {
		t.Errorf("the last progress is %+v", last)
	}
}

// BenchmarkReplay is the whole path: read, decode, match by the published rules if they are there, render, write.
func BenchmarkReplay(b *testing.B) {
	const n = 500_000
	path := recordOpens(b, n, func(i int) string {
		if i%10_000 == 0 {
			return "/etc/shadow"
		}
		return fmt.Sprint("/var/lib/data/", i%5000)
	})
	cfg := config.Default()
	cfg.RulesFiles, cfg.WatchFiles = []string{testutil.Shared(b, "upstream-rules/falco_rules.yaml")}, false
	b.ResetTimer()
	for b.Loop() {
		err := Replay(context.Background(), Settings{Config: cfg, Version: "test", Stdout: io.Discard, Stderr: io.Discard, Log: zap.NewNop()},
			ReplaySettings{Files: []string{path}})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
