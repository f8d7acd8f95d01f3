package report

import (
	"time"

	"github.com/saker-sensor/saker/internal/alias"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/enrich"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/guard"
	"github.com/saker-sensor/saker/internal/hosts"
	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/pods"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/process"
	"github.com/saker-sensor/saker/internal/setup"
)

// Snapshot is the state of a running sensor, which its event loop makes once a second. It is not changed afterwards, so any
// goroutine may read it. All counts are since the start.
type Snapshot struct {
	// At and Wall are when the event loop made it.
	At   guard.Moment
	Wall time.Time

	// Of the run: when it started, its version, and the wall clock's time at boot, in ns since the epoch.
	Started  time.Time
	Version  string
	BootTime int64

	Stats  Stats
	Kernel probe.Counters
	// KernelErr says why Kernel is older than this snapshot; nil if it is not.
	KernelErr error
	Table     process.Counters
	Enrich    enrich.Counters
	Names     alias.Counters
	Hosts     hosts.Counters
	Queue     output.QueueCounters
	Dedup     output.DedupCounters
	// Redacted is the number of secrets that alerts did not show.
	Redacted uint64
	Reloads  Reloads
	Captures Captures
	// LogErrors is the number of lines of the sensor's own log that could not be written.
	LogErrors uint64
	// Overwritten is the number of times that unread records of a ring were written over.
	Overwritten uint64

	// Runtimes are the container runtimes that are asked; Pods is nil where no source of pods is.
	Runtimes []enrich.Status
	Pods     *Pods

	Self SelfCounts
	// Stalled is why the capture counts as stalled, since StalledSince; empty if it does not.
	Stalled      string
	StalledSince guard.Moment
	// Signals are those that the sensor got since the previous snapshot; see [MaxSignals].
	Signals []Signal
	// Patience is how late the event loop may be before it counts as stuck.
	Patience time.Duration

	// Sources are those that are no kernel.
	Sources []Source
	// Rules and Files are in force since Reloaded; Coverage is what they lose with the programs that the kernel refuses.
	Rules    []*engine.Rule
	Files    []setup.File
	Reloaded time.Time
	Coverage []setup.Lost
}

// Stats count what the event loop did.
type Stats struct {
	// Records came out of the rings, Events of them were given to the rules, Matched is the number of matches.
	Records, Events, Matched uint64
	// DecodeErrors are records that could not be read.
	DecodeErrors uint64
	// Gaps are records that are missing by their sequence numbers: lost before they reached a ring.
	Gaps uint64
}

// Captures counts captures around a match: those that began and those that did not, and of those that have ended the events that were
// written and those that were not, because the disk was too slow or refused.
type Captures struct{ Begun, Refused, Recorded, Lost uint64 }

// Source is a source that is no kernel, and what it did.
type Source struct {
	Name string
	// Malformed are the parts of its input that were no events.
	Events, Matched, Malformed uint64
	// Err is why it ended; nil while it runs, and when it came to its end.
	Err error
}

// Reloads counts those that were done, and those that were refused because something was wrong.
type Reloads struct{ Done, Refused uint64 }

// Pods is the state of the connection to the API server or the kubelet.
type Pods struct {
	pods.Counters
	pods.Status
	// Source says who is asked, for messages.
	Source string
	// Kubelet is set if that is the kubelet.
	Kubelet bool
	// Related says, for each kind of object around pods that is wanted, why it can't be had.
	Related [pods.Kinds]error
}

// SelfCounts are what the sensor found out about itself.
type SelfCounts struct {
	CallCanary, RingCanary CanaryCounts
	// Stalls are the times that the capture stalled, Stops those that the process did not run, Signals those that other
	// processes sent.
	Stalls, Stops, Signals uint64
	// Stopped is how long the process did not run, in all.
	Stopped time.Duration
}

// CanaryCounts are the numbers of the newest canary that was sent and of the newest that came back.
type CanaryCounts struct{ Sent, Seen uint64 }

// MaxSignals bounds the signals that a snapshot holds; SelfCounts.Signals counts all.
const MaxSignals = 8

// Signal is a signal for the sensor with an event of its sender.
type Signal struct {
	event.Signal
	From event.Event
	// Requested: whoever runs the sensor asks it to end.
	Requested bool
}
