package field

import (
	"testing"

	"github.com/saker-sensor/saker/internal/event"
)

// TestStatic: constants have their value for every event, and are suggested for every output, before the container's fields.
func TestStatic(t *testing.T) {
	d := New(Settings{Static: map[string]string{"zone": "b", "cluster": "blue"}})
	ref, err := d.Lookup("static.cluster", "", false)
	if err != nil {
		t.Fatal(err)
	}
	var v Value
	if !ref.Get(&event.Event{}, &v) || v.Str != "blue" {
		t.Errorf("static.cluster is %q", v.Str)
	}
	if _, err := d.Lookup("static.other", "", false); err == nil {
		t.Error("a constant that is not there is found")
	}
	var suggested []string
	for _, in := range d.Fields() {
		if in.Flags&Suggested != 0 {
			suggested = append(suggested, in.Name)
		}
	}
	if len(suggested) < 3 || suggested[0] != "static.cluster" || suggested[1] != "static.zone" || suggested[2] != "container.id" {
		t.Errorf("suggested: %v", suggested)
	}
}
