// Package convert makes events of older recorders what a recorder of today would have written.
package convert

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/saker-sensor/saker/internal/replay/scap"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

// maxSteps is the number of conversions that an event may need one after the other.
const maxSteps = 50

// verdict is what happens with an event next.
type verdict uint8

const (
	// verdictPass: the event has today's form.
	verdictPass verdict = iota
	// verdictDrop: the event ends here.
	verdictDrop
	// verdictConvert: the event needs a conversion.
	verdictConvert
)

// Converter converts the events of one capture, in order. It is not safe for use by several goroutines.
type Converter struct {
	rows    map[key]*row
	entries *entries
	// out are the events made, in turn: one is made of the other.
	out  [2]scap.Event
	turn int
	// built is the memory of parameters that are put together, zeros and ones that of initial values.
	built []byte
	zeros [16]byte
	ones  [4]byte
}

// key finds a row.
type key struct {
	code   uint16
	params int
}

// New returns a converter that has seen no entry.
func New() *Converter {
	c := &Converter{rows: map[key]*row{}, entries: newEntries(), ones: [4]byte{0xff, 0xff, 0xff, 0xff}}
	rows := table()
	for i := range rows {
		c.rows[key{rows[i].code, rows[i].params}] = &rows[i]
	}
	return c
}

// Reset forgets the stored entries, for a new section of the capture.
func (c *Converter) Reset() {
	evicted := c.entries.evicted
	c.entries = newEntries()
	c.entries.evicted = evicted
}

// Evicted returns how many entries were forgotten because too many threads were in calls. Their exits lack the entries' parameters.
func (c *Converter) Evicted() uint64 { return c.entries.evicted }

// Convert returns the event in today's form: ev itself, or an event that is valid until the next call and aliases the memory of ev. It is
// not ok if rules and state have no use for the event, as for an entry whose parameters its exit will have. After an error, which is
// about this event alone, the next one can be converted.
func (c *Converter) Convert(ev *scap.Event) (out *scap.Event, ok bool, err error) {
	for range maxSteps {
		next, err := check(ev)
		if err == nil && next == verdictConvert {
			ev, next, err = c.step(ev)
		}
		switch {
		case err != nil:
			return nil, false, fmt.Errorf("convert the event %s at offset %d: %w", nameOf(ev.Code), ev.Offset, err)
		case next == verdictPass:
			return ev, true, nil
		case next == verdictDrop:
			return nil, false, nil
		}
	}
	return nil, false, fmt.Errorf("convert the event %s at offset %d: no end after %d conversions", nameOf(ev.Code), ev.Offset, maxSteps)
}

// check says whether an event needs a conversion.
func check(ev *scap.Event) (verdict, error) {
	kind := schema.Lookup(ev.Code)
	if kind == nil {
		return 0, errors.New("the code is not known")
	}
	if kind.Flags&schema.Unused != 0 {
		return verdictDrop, nil
	}
	old, entry := kind.Flags&schema.OldVersion != 0, schema.IsEnter(ev.Code)
	if kind.Flags&schema.ConverterManaged == 0 {
		switch {
		case !old:
			return verdictPass, nil
		case entry:
			return verdictDrop, nil
		}
		return 0, errors.New("no conversion of this old form is known")
	}
	switch {
	case entry:
		return verdictConvert, nil
	case len(ev.Params) > len(kind.Params):
		return 0, fmt.Errorf("it has %d parameters, %d at most", len(ev.Params), len(kind.Params))
	case old || len(ev.Params) < len(kind.Params):
		return verdictConvert, nil
	}
	return verdictPass, nil
}

// step does one conversion of an event that needs it, and says what happens with the result.
func (c *Converter) step(ev *scap.Event) (*scap.Event, verdict, error) {
	row := c.rows[key{ev.Code, len(ev.Params)}]
	if row == nil {
		return ev, 0, fmt.Errorf("no conversion of its form with %d parameters is known", len(ev.Params))
	}
	switch row.action {
	case actionPass:
		return ev, verdictPass, nil
	case actionStore:
		c.entries.put(ev)
		return ev, verdictDrop, nil
	case actionStoreAndPass:
		c.entries.put(ev)
		return ev, verdictPass, nil
	}
	out := &c.out[c.turn]
	c.turn = 1 - c.turn
	params := out.Params[:0]
	*out = *ev
	out.Code, out.Params = row.to, params
	if row.action == actionAdd {
		out.Params = append(out.Params, ev.Params...)
	}
	if err := c.fill(out, ev, row.layout); err != nil {
		return ev, 0, err
	}
	next, err := check(out)
	return out, next, err
}

// fill appends the parameters of a layout to the new event.
func (c *Converter) fill(out, ev *scap.Event, layout []source) error {
	kind := schema.Lookup(out.Code)
	used := false
	for _, source := range layout {
		typ := kind.Params[len(out.Params)].Type
		limit := typ.Size()
		if limit == 0 {
			limit = math.MaxUint32
			if kind.Flags&schema.LargePayload == 0 {
				limit = math.MaxUint16
			}
		}
		var value []byte
		switch source.origin {
		case fromOld:
			if int(source.index) >= len(ev.Params) {
				return fmt.Errorf("it lacks parameter %d", source.index)
			}
			value = ev.Params[source.index]
		case fromEnter, fromEnterOrEmpty:
			entry := c.entries.get(ev.Tid)
			switch {
			case entry == nil && source.origin == fromEnter:
				value = c.initial(typ)
			case entry == nil:
			case entry.code != ev.Code-1:
				return fmt.Errorf("the entry before it in its thread is %s", nameOf(entry.code))
			case int(source.index) >= len(entry.params):
				return fmt.Errorf("its entry lacks parameter %d", source.index)
			default:
				value, used = entry.params[source.index], true
			}
		case fromInitial:
			value = c.initial(typ)
		case fromContainer:
			value = c.container(ev)
			if len(value) > limit {
				return fmt.Errorf("the text of the container has %d bytes, %d at most", len(value), limit)
			}
		case fromNothing:
		}
		out.Params = append(out.Params, value[:min(len(value), limit)])
	}
	if used {
		c.entries.remove(ev.Tid)
	}
	return nil
}

// initial returns what a parameter of a type has that nobody knows: zero, or no user and no group.
func (c *Converter) initial(typ schema.Type) []byte {
	if typ == schema.TypeUID || typ == schema.TypeGID {
		return c.ones[:]
	}
	return c.zeros[:typ.Size()]
}

// container makes the JSON text of a container from its id, type, name and image, nil if one of these is not there.
func (c *Converter) container(ev *scap.Event) []byte {
	if len(ev.Params) < 4 || len(ev.Params[1]) > 4 {
		return nil
	}
	id, name, image := ev.Params[0], ev.Params[2], ev.Params[3]
	if len(id) == 0 || len(name) == 0 || len(image) == 0 {
		return nil
	}
	var number [4]byte
	copy(number[:], ev.Params[1])
	// The texts end with NUL.
	text := append(c.built[:0], `{"id":"`...)
	text = append(text, id[:len(id)-1]...)
	text = strconv.AppendUint(append(text, `","type":`...), uint64(binary.LittleEndian.Uint32(number[:])), 10)
	text = append(append(text, `,"name":"`...), name[:len(name)-1]...)
	text = append(append(text, `","image":"`...), image[:len(image)-1]...)
	c.built = append(text, "\"}\x00"...)
	return c.built
}

// nameOf names an event and its direction.
func nameOf(code uint16) string {
	kind := schema.Lookup(code)
	if kind == nil {
		return strconv.Itoa(int(code))
	}
	if schema.IsEnter(code) {
		return kind.Name + " (entry)"
	}
	return kind.Name
}
