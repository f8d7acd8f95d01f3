package document

import (
	"fmt"
	"time"

	"github.com/valyala/fastjson"

	"github.com/saker-sensor/saker/internal/event"
)

// Malformed is what of a source's input is no event of it. The source goes on behind it.
type Malformed struct {
	// Where names the input: a file with its line, or who sent it.
	Where string
	Err   error
}

func (m *Malformed) Error() string { return m.Where + ": " + m.Err.Error() }

// Unwrap gives the cause.
func (m *Malformed) Unwrap() error { return m.Err }

// Malformedf makes a [*Malformed].
func Malformedf(where, format string, args ...any) error {
	return &Malformed{where, fmt.Errorf(format, args...)}
}

// Maker makes events of documents. Its event is reused.
type Maker struct {
	ev      event.Event
	process event.Process
}

// Event is an event that a document tells of, at its time.
func (m *Maker) Event(doc *fastjson.Value, at time.Time) *event.Event {
	if m.ev.Type == event.TypeUnknown {
		m.ev.Type, _ = event.TypeByName("pluginevent") // Falco's name of such events
		m.ev.Process = &m.process
	}
	m.ev.Time, m.ev.Boot, m.ev.Document = at.UnixNano(), uint64(at.UnixNano()), doc
	return &m.ev
}

// Types are the types of events of documents.
func Types() (types event.TypeSet) {
	t, _ := event.TypeByName("pluginevent")
	types.Add(t)
	return types
}
