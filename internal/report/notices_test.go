package report

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/enrich"
	"github.com/saker-sensor/saker/internal/enrich/runtimes"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/guard"
	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/output/spool"
	"github.com/saker-sensor/saker/internal/pods"
)

var wall = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// lines are the notices as text: the log's level and message, and the alert's priority and message.
func lines(notices []Notice) (all []string) {
	for _, n := range notices {
		line := ""
		if n.Log != "" {
			line = n.Level.String() + ": " + n.Log
		}
		if n.Alert != nil {
			line += fmt.Sprintf(" [%s: %s]", n.Alert.Priority, n.Alert.Message)
		}
		all = append(all, line)
	}
	return all
}

// sequence reports snapshots one after the other, a second apart, and returns the lines of each but the first, which is the start.
func sequence(t *testing.T, cfg *config.Config, snapshots ...Snapshot) (all [][]string) {
	t.Helper()
	var r *Reporter
	for i := range snapshots {
		now := &snapshots[i]
		now.Wall = wall.Add(time.Duration(i) * time.Second)
		if r == nil {
			r = NewReporter(cfg, now)
			continue
		}
		notices, err := r.Report(now, nil)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, lines(notices))
	}
	return all
}

func expect(t *testing.T, got [][]string, want ...[]string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
}

func sender() event.Event {
	return event.Event{
		Tgid: 42, ContainerID: "0123456789ab", Container: &event.Container{Name: "tools"},
		Process: &event.Process{Comm: "kill", ExePath: "/bin/kill", Cmdline: "kill -STOP 1"},
	}
}

func signal(number unix.Signal, ptrace, requested bool) Signal {
	return Signal{Signal: event.Signal{Number: int32(number), Ptrace: ptrace}, From: sender(), Requested: requested}
}

const byKill = "by kill (pid=42 exepath=/bin/kill) in container tools (0123456789ab)"

// TestStopped: a stop is told once, with its sender if a signal that stops was seen, and with what was lost meanwhile.
func TestStopped(t *testing.T) {
	cfg := config.Default()
	var known, unknown, other Snapshot
	known.Self.Stops, known.Self.Stopped = 1, 1500*time.Millisecond
	known.Signals = []Signal{signal(unix.SIGSTOP, false, false)}
	unknown.Self.Stops, unknown.Self.Stopped = 2, 4*time.Second
	other.Self = unknown.Self
	expect(t, sequence(t, &cfg, Snapshot{}, known, unknown, other),
		[]string{
			"error: the sensor was stopped [Critical: Saker internal: sensor was stopped. It did not run for 1.5s, and lost 0 records " +
				byKill + ".]",
			"warn: signal for the sensor [Critical: Saker internal: signal for the sensor. It got SIGSTOP " + byKill + ".]",
		},
		[]string{
			"error: the sensor was stopped [Warning: Saker internal: sensor was stopped. It did not run for 2.5s, and lost 0 records. " +
				"No signal for it was seen: frozen, or starved of CPU.]",
		},
		nil)
}

// TestSuspended: a machine that was suspended is no stop of the sensor.
func TestSuspended(t *testing.T) {
	cfg := config.Default()
	woken := Snapshot{At: guard.Moment{Boot: 10 * time.Second, Mono: time.Second}}
	expect(t, sequence(t, &cfg, Snapshot{}, woken), []string{"info: the machine was suspended"})
}

// TestSignals: how bad a signal is depends on what it does, and on whether it was asked for.
func TestSignals(t *testing.T) {
	for _, tt := range []struct {
		signal Signal
		want   string
	}{
		{signal(unix.SIGTERM, false, true), "info: signal for the sensor [Informational: Saker internal: signal for the sensor. It got SIGTERM "},
		{signal(unix.SIGTERM, false, false), "warn: signal for the sensor [Notice: Saker internal: signal for the sensor. It got SIGTERM "},
		{signal(unix.SIGUSR2, false, false), "warn: signal for the sensor [Warning: Saker internal: signal for the sensor. It got SIGUSR2 "},
		{signal(unix.SIGTSTP, false, false), "warn: signal for the sensor [Critical: Saker internal: signal for the sensor. It got SIGTSTP "},
		{signal(unix.SIGSTOP, true, false),
			"warn: signal for the sensor [Critical: Saker internal: signal for the sensor. A debugger attached to it "},
	} {
		notices := Signals(&Snapshot{Wall: wall, Signals: []Signal{tt.signal}})
		if got := lines(notices); !slices.Equal(got, []string{tt.want + byKill + ".]"}) {
			t.Errorf("%v: %q", tt.signal.Signal, got)
		}
		for name, want := range map[string]any{
			"proc.name": "kill", "proc.pid": int32(42), "container.name": "tools", "ptrace": tt.signal.Ptrace,
		} {
			if got := notices[0].Alert.Fields[name]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%v: the field %s is %v", tt.signal.Signal, name, got)
			}
		}
	}
}

// TestCapture: a capture that stalls is told when it begins, when its reason changes, and when it is over.
func TestCapture(t *testing.T) {
	cfg := config.Default()
	since := guard.Moment{Boot: time.Second, Mono: time.Second}
	at := func(seconds int, reason string) Snapshot {
		d := time.Duration(seconds) * time.Second
		return Snapshot{At: guard.Moment{Boot: d, Mono: d}, Stalled: reason, StalledSince: since}
	}
	expect(t, sequence(t, &cfg, at(0, ""), at(1, "a link is gone"), at(2, "a link is gone"), at(3, "no canary"), at(4, ""), at(5, "")),
		[]string{"error: capture stalled [Critical: Saker internal: capture stalled. a link is gone.]"},
		nil,
		[]string{"error: capture stalled [Critical: Saker internal: capture stalled. no canary.]"},
		[]string{"info: capture restored [Notice: Saker internal: capture restored. It was stalled for 3s: no canary.]"},
		nil)
}

// TestAway: what is told of the time before the start depends on how the last run ended.
func TestAway(t *testing.T) {
	last := &guard.State{PID: 7, Version: "1.2"}
	for _, tt := range []struct {
		end  guard.End
		want string
	}{
		{guard.Killed, "Critical: Saker internal: sensor was away. Nothing was watched for at most 1m0s"},
		{guard.Lost, "Warning: Saker internal: sensor was away. Nothing was watched for at most 1m0s"},
		{guard.Stopped, "Notice: Saker internal: sensor was away. Nothing was watched for 1m0s"},
	} {
		got := lines([]Notice{Away(guard.Absence{For: time.Minute, End: tt.end}, last, wall)})
		want := "warn: the sensor was away [" + tt.want + ": the last run (pid 7, version 1.2) was " + string(tt.end) + ".]"
		if !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q, want %q", tt.end, got, want)
		}
	}
}

func sinks(c output.SinkCounters) Snapshot {
	c.Name = "http"
	return Snapshot{Queue: output.QueueCounters{Sinks: []output.SinkCounters{c}}}
}

// TestOutputFails: an output that fails is told once, and so is that it delivers again; one that says no more is not taken for well.
func TestOutputFails(t *testing.T) {
	cfg := config.Default()
	refused := errors.New("refused")
	at := func(queued, written, retries uint64) Snapshot {
		return sinks(output.SinkCounters{SinkTotals: output.SinkTotals{Queued: queued, Written: written, Retries: retries}, LastError: refused})
	}
	expect(t, sequence(t, &cfg, at(0, 0, 0), at(1, 0, 1), at(1, 0, 2), at(1, 0, 2), at(2, 2, 2), at(3, 3, 2)),
		[]string{"warn: an output does not deliver"}, nil, nil, []string{"info: an output delivers again"}, nil)
}

// TestOutputFull: the other outputs are told of one whose queue is full, but not each second.
func TestOutputFull(t *testing.T) {
	cfg := config.Default()
	at := func(dropped uint64) Snapshot {
		return sinks(output.SinkCounters{SinkTotals: output.SinkTotals{Dropped: dropped}, LastError: errors.New("refused")})
	}
	snapshots := []Snapshot{at(0), at(5), at(9)}
	for range int(dropAlertInterval / time.Second) {
		snapshots = append(snapshots, at(9))
	}
	snapshots = append(snapshots, at(11))
	got := sequence(t, &cfg, snapshots...)
	const line = "warn: alerts dropped: an output's queue is full [Warning: Saker internal: output queue full. " +
		"Output http takes alerts too slowly: %d dropped since the start.]"
	if !slices.Equal(got[0], []string{fmt.Sprintf(line, 5)}) || got[1] != nil ||
		!slices.Equal(got[len(got)-1], []string{fmt.Sprintf(line, 11)}) {
		t.Errorf("notices: %q", got)
	}
}

// TestOutputSlow: an output that has had an alert for longer than output_timeout is told once, until it takes one.
func TestOutputSlow(t *testing.T) {
	cfg := config.Default()
	cfg.OutputTimeout = 2000 // ms
	at := func(queued, written uint64) Snapshot {
		return sinks(output.SinkCounters{SinkTotals: output.SinkTotals{Queued: queued, Written: written}})
	}
	expect(t, sequence(t, &cfg, at(0, 0), at(1, 0), at(1, 0), at(1, 0), at(1, 0), at(2, 1), at(2, 2)),
		nil, nil, []string{"warn: an output takes an alert for longer than output_timeout; the others go on"}, nil,
		[]string{"info: an output takes alerts again"}, nil)
}

// TestSpoolNotices: what a spool could not keep, has damaged, or has left of an earlier run.
func TestSpoolNotices(t *testing.T) {
	cfg := config.Default()
	at := func(restored, damaged uint64, err error) Snapshot {
		return sinks(output.SinkCounters{SinkTotals: output.SinkTotals{Restored: restored, Written: restored},
			Spool: &output.SpoolCounters{Counters: spool.Counters{Damaged: damaged}, Err: err}})
	}
	full := errors.New("the disk is full")
	expect(t, sequence(t, &cfg, Snapshot{}, at(3, 0, nil), at(3, 2, full), at(3, 2, full), at(3, 2, nil)),
		[]string{"info: an output has alerts of an earlier run to deliver"},
		[]string{"warn: an output's alerts are not kept on disk; they wait in memory",
			"warn: records of an output's spool are damaged; they are passed over"},
		nil,
		[]string{"info: an output's alerts are kept on disk again"})
}

// TestRuntimeNotices: each change of a runtime's connection is told; a usual place where there never was one is for debugging.
func TestRuntimeNotices(t *testing.T) {
	cfg := config.Default()
	at := func(c enrich.Connection, err error) Snapshot {
		return Snapshot{Runtimes: []enrich.Status{{Runtime: runtimes.Runtime{Kind: runtimes.Containerd, Socket: "/s"}, Connection: c, Err: err}}}
	}
	expect(t, sequence(t, &cfg, Snapshot{}, at(enrich.Absent, nil), at(enrich.Connected, nil), at(enrich.Connected, nil),
		at(enrich.Absent, errors.New("refused")), at(enrich.Absent, nil)),
		[]string{"debug: container runtime"}, []string{"info: container runtime"}, nil, []string{"warn: container runtime"},
		[]string{"info: container runtime"})
}

// TestPodNotices: each change of the source of pods is told, with what is wrong.
func TestPodNotices(t *testing.T) {
	cfg := config.Default()
	at := func(s pods.State, err error) Snapshot {
		return Snapshot{Pods: &Pods{Status: pods.Status{State: s, Err: err}, Source: "API server"}}
	}
	expect(t, sequence(t, &cfg, Snapshot{}, at(pods.Connected, nil), at(pods.Connected, nil), at(pods.Refused, errors.New("refused"))),
		[]string{"info: API server"}, nil, []string{"warn: API server"})
}
