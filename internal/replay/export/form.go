package export

import (
	"errors"
	"fmt"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

// form is how the events of one type are written.
type form struct {
	code   uint16
	schema *schema.Event
	// row is nil for events that are not in the table of calls.
	row    *call.Row
	params []source
}

// source is where a parameter's value comes from: the field evt.rawarg.NAME, nil if there is none.
type source struct {
	name string
	typ  schema.Type
	get  *field.Ref
}

// forms are those of all types that the sensor captures.
type forms struct {
	byType  map[event.Type]*form
	generic *form
	flags   *field.Ref
	clone   event.Type
	// recorded are the forms of events of captures, by their code.
	recorded map[uint16]*form
}

// irregular are the events without a row in the table of calls.
func irregular() map[event.Type]uint16 {
	return map[event.Type]uint16{
		event.TypeOpen: schema.OpenX, event.TypeOpenat: schema.OpenatV2X, event.TypeOpenat2: schema.Openat2X, event.TypeCreat: schema.CreatX,
		event.TypeOpenByHandleAt: schema.OpenByHandleAtX, event.TypeExecve: schema.ExecveV19X, event.TypeExecveat: schema.ExecveatX,
		event.TypeProcexit: schema.ProcexitV1E, event.TypeIoUringSetup: schema.IOUringSetupX,
	}
}

func newForms() (*forms, error) {
	rows := call.Rows()
	d := field.New(field.Settings{})
	f := &forms{byType: map[event.Type]*form{}, recorded: map[uint16]*form{}}
	for t, code := range irregular() {
		f.byType[t] = newForm(d, code)
	}
	for i := range rows {
		r := newForm(d, uint16(rows[i].Code))
		r.row = &rows[i]
		f.byType[rows[i].Type] = r
	}
	f.generic = newForm(d, schema.GenericX)
	for code := range uint16(schema.Count()) {
		f.recorded[code] = &form{code: code, schema: schema.Lookup(code)}
	}
	flags, err := d.Lookup("evt.rawarg.flags", "", false)
	if err != nil {
		return nil, fmt.Errorf("make the forms of events: %w", err)
	}
	f.flags = &flags
	var ok bool
	if f.clone, ok = event.TypeByName("clone"); !ok {
		return nil, errors.New("make the forms of events: there is no clone")
	}
	return f, nil
}

func newForm(d *field.Dictionary, code uint16) *form {
	f := &form{code: code, schema: schema.Lookup(code)}
	for _, p := range f.schema.Params {
		s := source{name: p.Name, typ: p.Type}
		if ref, err := d.Lookup("evt.rawarg."+p.Name, "", false); err == nil {
			s.get = &ref
		}
		f.params = append(f.params, s)
	}
	return f
}

// of is the form of an event; nil if it has none.
func (f *forms) of(ev *event.Event) *form {
	switch form := f.byType[ev.Type]; {
	case ev.Captured != nil:
		return f.recorded[uint16(ev.Captured.Code)]
	case form != nil:
		return form
	case ev.Type.Captured():
		return f.generic
	}
	return nil
}
