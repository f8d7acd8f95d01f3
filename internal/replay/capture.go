package replay

import (
	"fmt"
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
}

// OpenCapture reads a capture, compressed or not. It reads nothing before the first call of Next.
func OpenCapture(r io.Reader, settings state.Settings) *Capture {
	return &Capture{reader: scap.NewReader(r), converter: convert.New(), state: state.New(settings)}
}

// Lost is what found no room in memory so far.
func (c *Capture) Lost() state.Lost { return c.state.Lost() }

// Next returns the next event that rules see. It and what it refers to are valid until the next call. At the end of the capture the
// error is io.EOF.
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
			return nil, fmt.Errorf("convert the event at offset %d: %w", record.Event.Offset, err)
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
