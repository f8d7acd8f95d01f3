package replay

import (
	"io"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/scap"
	"github.com/saker-sensor/saker/internal/replay/scap/convert"
	"github.com/saker-sensor/saker/internal/replay/state"
)

// Capture reads a .scap capture, as Falco, sysdig and Stratoshark write them.
type Capture struct {
	reader    *scap.Reader
	converter *convert.Converter
	state     *state.State
	event     event.Event
	// unconverted counts events of old captures that can't be made ones of today.
	unconverted uint64
}

// Lost counts what a capture has and a replay of it does not show.
type Lost struct {
	state.Lost
	// Skipped is what only a newer version knows.
	Skipped scap.Skipped
	// Evicted are calls whose begin was forgotten because too many threads were in calls.
	Evicted uint64
	// Unconverted are events of old captures that contradict the one before them in their thread, or have an unknown form.
	Unconverted uint64
}

// OpenCapture reads a capture, compressed or not. It reads nothing before the first call of Next.
func OpenCapture(r io.Reader, settings state.Settings) *Capture {
	return &Capture{reader: scap.NewReader(r), converter: convert.New(), state: state.New(settings)}
}

// Lost is what was lost so far.
func (c *Capture) Lost() Lost {
	return Lost{Lost: c.state.Lost(), Skipped: c.reader.Skipped(), Evicted: c.converter.Evicted(), Unconverted: c.unconverted}
}

// Next returns the next event that rules see. It and what it refers to are valid until the next call. At the end of the capture the
// error is io.EOF, else a *scap.Error; an event that can't be converted is counted and left out.
func (c *Capture) Next() (*event.Event, error) {
	for {
		record, err := c.reader.Next()
		if err != nil {
			return nil, err
		}
		if record.Kind != scap.KindEvent {
			c.learn(record)
			continue
		}
		converted, ok, err := c.converter.Convert(&record.Event)
		if err != nil {
			c.unconverted++
			continue
		}
		if ok && c.state.Apply(converted, &c.event) {
			return &c.event, nil
		}
	}
}

// Close does nothing: who opened the file closes it.
func (c *Capture) Close() error { return nil }

// learn takes over what a capture says of its machine.
func (c *Capture) learn(r *scap.Record) {
	switch r.Kind {
	case scap.KindSection:
		c.converter.Reset()
		c.state.Begin()
	case scap.KindMachine:
		c.state.AddMachine(&r.Machine)
	case scap.KindInterface:
		c.state.AddInterface(&r.Interface)
	case scap.KindUser:
		c.state.AddUser(&r.User)
	case scap.KindGroup:
		c.state.AddGroup(&r.Group)
	case scap.KindProcess:
		c.state.AddProcess(&r.Process)
	case scap.KindDescriptor:
		c.state.AddDescriptor(r.Tid, &r.Descriptor)
	}
}
