package export

import (
	"testing"

	"github.com/saker-sensor/saker/internal/event"
)

// TestForms: each event that the sensor captures has a form, and each parameter of Falco's table a source, in the table's order.
func TestForms(t *testing.T) {
	f, err := newForms()
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range event.AllTypes() {
		if !typ.Captured() {
			continue
		}
		form := f.of(&event.Event{Type: typ})
		if form == nil || form.schema.Name != typ.String() && form != f.generic {
			t.Errorf("%s: the form is %+v", typ, form)
			continue
		}
		for i, p := range form.params {
			if p.get == nil && p.name != "pidns_init_start_ts" {
				t.Errorf("%s: no source of %s", typ, p.name)
			}
			if form.row != nil && (i >= len(form.row.Params) || form.row.Params[i].Name != p.name) {
				t.Errorf("%s: the table of calls has another parameter at the place of %s", typ, p.name)
			}
		}
	}
}
