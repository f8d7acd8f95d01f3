package sensor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/recording"
	"github.com/saker-sensor/saker/internal/setup"
)

// RecordSettings say what is recorded, and where.
type RecordSettings struct {
	// Filter is a condition as in a rule; empty records every event that a rule without an event type sees.
	Filter string
	// Matched records what the configured rules match, instead.
	Matched bool
	// Path, MaxBytes, MaxAge and Files are those of [recording.Settings].
	Path     string
	MaxBytes int64
	MaxAge   time.Duration
	Files    int
}

// filterName is how messages call the rule that a filter becomes.
const filterName = "--filter"

// ruleSources are the rules of a configuration; of a recording the one whose matches are recorded. So the kernel leaves out what the
// filter can't match, as it does for any rule.
func (s *sensor) ruleSources(cfg *config.Config) []rulefile.Source {
	if s.Record == nil || s.Record.Matched {
		return setup.Sources(*cfg)
	}
	condition := s.Record.Filter
	if condition == "" {
		condition = "evt.num > 0"
	}
	// A text in JSON is one in YAML, too.
	quoted, _ := json.Marshal(condition) // a string always can be
	text := fmt.Sprintf("- rule: recorded\n  desc: what is recorded\n  condition: %s\n  output: recorded\n  priority: DEBUG\n"+
		"  warn_evttypes: false\n", quoted)
	return []rulefile.Source{{Name: filterName, Content: []byte(text)}}
}

// callerParts are what the kernel is asked of who causes an event: of a recording all, as nobody knows which rules it will see.
func (s *sensor) callerParts(rules *engine.Ruleset, alerts *rendering) map[event.Type]event.CallerParts {
	parts := callerParts(rules, alerts)
	if s.Record == nil {
		return parts
	}
	for _, t := range event.AllTypes() {
		if t.Captured() {
			parts[t] = event.CallerAll
		}
	}
	return parts
}

// recorder writes the events that match.
type recorder struct {
	file *recording.Recorder
	log  *zap.Logger
	// num is the number of the event that was recorded last: several rules may match one.
	num uint64
	// end ends the run once the recording has reached its limit. lost is how many lost events the log has told of.
	end  context.CancelFunc
	lost uint64
}

func (s *sensor) openRecording(context.Context) error {
	if s.Record == nil || s.DryRun {
		return nil
	}
	r, header := &recorder{log: s.Log}, s.recordingHeader()
	header.Filter = s.Record.Filter
	var err error
	r.file, err = recording.NewRecorder(recording.Settings{
		Path: s.Record.Path, MaxBytes: s.Record.MaxBytes, MaxAge: s.Record.MaxAge, Files: s.Record.Files,
		Header: header,
		Failed: func(err error) { s.Log.Error("events are not recorded any more", zap.Error(err)) },
	})
	s.recorder = r
	if err != nil {
		s.recorder = nil
	}
	return err
}

// recordingHeader describes this machine and run.
func (s *sensor) recordingHeader() recording.Header {
	var name unix.Utsname
	_ = unix.Uname(&name)
	return recording.Header{
		Version: s.Version, Hostname: config.Hostname(), Kernel: unix.ByteSliceToString(name.Release[:]), Started: s.started.UnixNano(),
	}
}

// emit takes the place of [alerts.emit].
func (r *recorder) emit(_ *rendering, _ *engine.Rule, ev *event.Event) bool {
	if ev.Num != r.num {
		r.num = ev.Num
		r.file.Record(ev)
	}
	return true
}

// tick comes about once a second.
func (r *recorder) tick() {
	r.file.Tick(time.Now())
	if c := r.file.Counters(); c.Lost > r.lost {
		r.log.Warn("events are missing in the recording: the disk is too slow", zap.Uint64("lost", c.Lost-r.lost))
		r.lost = c.Lost
	}
	if r.file.Over() {
		r.end()
	}
}

// closeRecording writes what is left, and says what there is.
func (s *sensor) closeRecording() error {
	if s.recorder == nil {
		return nil
	}
	err := s.recorder.file.Close()
	c := s.recorder.file.Counters()
	fmt.Fprintf(s.Stderr, "Recorded: %d events, %d bytes; lost: %d\n", c.Recorded, c.Bytes, c.Lost)
	if err != nil {
		return errors.Join(errors.New("the recording is not complete"), err)
	}
	return nil
}
