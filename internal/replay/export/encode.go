package export

import (
	"encoding/binary"
	"path"
	"strings"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/replay/scap"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
	"github.com/saker-sensor/saker/internal/replay/state"
)

// encoder is memory for the event that is written.
type encoder struct {
	event scap.Event
	enter scap.Event
	bytes []byte
	ends  []int
	value field.Value
}

// missing is what a field's text is where there is no value.
const missing = "<NA>"

// encode writes one event.
func (e *Exporter) encode(ev *event.Event, f *form) {
	n := &e.encoder
	out := &n.event
	out.CPU, out.Time, out.Tid, out.Code = ev.CPU, uint64(ev.Time), int64(ev.Tid), f.code
	out.Params = out.Params[:0]
	if ev.Captured != nil {
		begun := e.tellFile(ev, f)
		out.Params = append(out.Params[:0], ev.Captured.Raw...)
		out.Code = f.code
		e.write(f, begun)
		return
	}
	n.bytes, n.ends = n.bytes[:0], n.ends[:0]
	for i := range f.params {
		e.param(ev, f, i)
		n.ends = append(n.ends, len(n.bytes))
	}
	start := 0
	for _, end := range n.ends {
		out.Params = append(out.Params, n.bytes[start:end:end])
		start = end
	}
	e.write(f, false)
}

// write writes the event, if asked behind the begin of its call, unless that is written.
func (e *Exporter) write(f *form, begun bool) {
	out := &e.encoder.event
	if e.settings.Enter && !begun && f.schema.Category&schema.CategorySyscall != 0 && !schema.IsEnter(f.code) {
		e.writeEnter(f)
	}
	e.events.Event(out)
}

// writeEnter writes the begin of a call, which has some of the parameters of its end.
func (e *Exporter) writeEnter(f *form) {
	n := &e.encoder
	n.enter = n.event
	n.enter.Code, n.enter.Params = f.code-1, nil
	for _, p := range schema.Lookup(f.code - 1).Params {
		value := make([]byte, p.Type.Size())
		for i := range min(len(f.schema.Params), len(n.event.Params)) {
			if of := &f.schema.Params[i]; of.Name == p.Name && len(n.event.Params[i]) > 0 && of.Type.Size() == p.Type.Size() {
				value = n.event.Params[i]
			}
		}
		n.enter.Params = append(n.enter.Params, value)
	}
	e.events.Event(&n.enter)
}

// tellFile writes the begin of an exec in an old capture, whose end does not tell of the file.
func (e *Exporter) tellFile(ev *event.Event, f *form) bool {
	const file = 27
	if f.code != schema.ExecveV19X || !executed(ev) || processOf(ev).ExePath == "" {
		return false
	}
	if raw := ev.Captured.Raw; len(raw) > file && len(raw[file]) > 0 {
		return false
	}
	out := &e.encoder.event
	out.Code, out.Params = schema.ExecveV19E, append(out.Params[:0], append([]byte(ev.Process.ExePath), 0))
	e.events.Event(out)
	return true
}

// param appends the value of a parameter. Of a number that is not known it is 0: readers expect one.
func (e *Exporter) param(ev *event.Event, f *form, i int) {
	n, s := &e.encoder, &f.params[i]
	var row *call.Param
	if f.row != nil && i < len(f.row.Params) {
		row = &f.row.Params[i]
	}
	switch {
	case s.name == "cgroups":
		n.bytes = append(n.bytes, cgroupsOf(ev)...)
		return
	case f.code == schema.GenericX && i == 0:
		number, _ := state.SyscallNumber(ev.Type.String())
		n.bytes = binary.LittleEndian.AppendUint16(n.bytes, number)
		return
	case s.name == "pidns_init_start_ts":
		n.bytes = binary.LittleEndian.AppendUint64(n.bytes, processOf(ev).PidnsStart)
		return
	}
	switch s.typ {
	case schema.TypeSocktuple:
		n.bytes = appendTuple(n.bytes, ev, f.row)
		return
	case schema.TypeSockaddr:
		if i < len(ev.Params) {
			n.bytes = appendAddress(n.bytes, &ev.Params[i])
		}
		return
	case schema.TypeFdlist:
		if i < len(ev.Params) {
			n.bytes = appendPolled(n.bytes, ev, &ev.Params[i])
		}
		return
	case schema.TypeSigset:
		n.bytes = appendSignals(n.bytes, ev, i)
		return
	case schema.TypeDyn:
		n.bytes = e.appendDynamic(n.bytes, ev, f, i, row)
		return
	}
	v := &n.value
	v.Num, v.Str = 0, ""
	known := s.get != nil && s.get.Get(ev, v)
	switch s.typ {
	case schema.TypeCharbuf, schema.TypeFspath, schema.TypeFsrelpath:
		if text := v.Str; known && text != missing {
			n.bytes = append(append(n.bytes, e.readable(ev, f, i, text)...), 0)
		}
	case schema.TypeBytebuf:
		if known {
			n.bytes = append(n.bytes, v.Str...)
		}
	default:
		n.bytes = appendNumber(n.bytes, uint64(v.Num), s.typ.Size())
	}
}

func appendNumber(dst []byte, v uint64, size int) []byte {
	for range size {
		dst = append(dst, byte(v))
		v >>= 8
	}
	return dst
}

// readable is a path that readers make the same absolute one of: as the caller gave it, or absolute where they know another working
// directory than the kernel.
func (e *Exporter) readable(ev *event.Event, f *form, i int, text string) string {
	given := ""
	switch {
	case f.params[i].typ == schema.TypeCharbuf || text == "" || text[0] == '/':
		return text
	case ev.File.Present && f.row == nil && f.params[i].name == "name":
		given = ev.File.Given
	case f.row != nil && i < len(ev.Params):
		given = ev.Params[i].Given
	}
	if given == "" || given == text {
		return text
	}
	dir := e.workingDir(ev.Tgid)
	switch {
	case f.row == nil && ev.Type != event.TypeOpen && ev.Type != event.TypeCreat:
		if ev.DirFD != event.AtFDCWD {
			dir = ev.Dir
		}
	case f.params[i].typ == schema.TypeFsrelpath && i > 0 && ev.Params[i-1].Num != event.AtFDCWD:
		dir = ev.Params[i-1].Descriptor.Path
	}
	if dir == "" || path.Join(dir, text) != given {
		return given
	}
	return text
}

// appendPolled appends the list of a poll: number, and events in Falco's numbers.
func appendPolled(dst []byte, ev *event.Event, p *event.Param) []byte {
	names := call.PollNames()
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(p.Text)/call.PollFDSize))
	for b := []byte(p.Text); len(b) >= call.PollFDSize; b = b[call.PollFDSize:] {
		events := binary.NativeEndian.Uint16(b[4:])
		if ev.Ret > 0 {
			events = binary.NativeEndian.Uint16(b[6:])
		}
		dst = appendNumber(dst, uint64(int64(int32(binary.NativeEndian.Uint32(b)))), 8)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(names.Number(uint64(events))))
	}
	return dst
}

// appendSignals appends the first 32 of a set of signals.
func appendSignals(dst []byte, ev *event.Event, i int) []byte {
	set := uint32(0)
	if i < len(ev.Params) && len(ev.Params[i].Text) >= 4 {
		set = binary.NativeEndian.Uint32([]byte(ev.Params[i].Text))
	}
	return binary.LittleEndian.AppendUint32(dst, set)
}

// The first byte of a value of changing type says of which type it is.
const (
	dynBytes    = 0 // of a socket option
	dynErrno    = 1
	dynNumber32 = 2
	dynNumber64 = 3
	dynTime     = 4

	dynNumber = 0 // of another call
	dynText   = 1
)

// appendDynamic appends a value of changing type.
func (e *Exporter) appendDynamic(dst []byte, ev *event.Event, f *form, i int, row *call.Param) []byte {
	if row == nil || i >= len(ev.Params) {
		return append(dst, dynNumber)
	}
	p := &ev.Params[i]
	if row.Made == call.Option {
		return appendOption(dst, ev, p)
	}
	v := &e.encoder.value
	v.Num, v.Str = 0, ""
	known := f.params[i].get != nil && f.params[i].get.Get(ev, v)
	if known && v.Str != "" {
		return append(append(append(dst, dynText), v.Str...), 0)
	}
	return appendNumber(append(dst, dynNumber), uint64(v.Num), 8)
}

// appendOption appends the value of a socket's option: level and option, in Falco's numbers, stand two and one parameters before it.
func appendOption(dst []byte, ev *event.Event, p *event.Param) []byte {
	const (
		solSocket                                 = 1
		soError, soRcvTimeo, soSndTimeo, soCookie = 4, 0x14, 0x15, 0x35
		level, option                             = 2, 3
	)
	b, opt := []byte(p.Text), ev.Params[option].Num
	switch {
	case ev.Params[level].Num != solSocket || opt == 0:
	case opt == soError && len(b) >= 4:
		return appendNumber(append(dst, dynErrno), uint64(-int64(int32(binary.NativeEndian.Uint32(b)))), 8)
	case (opt == soRcvTimeo || opt == soSndTimeo) && len(b) >= 16:
		ns := binary.NativeEndian.Uint64(b)*1e9 + binary.NativeEndian.Uint64(b[8:])*1e3
		return appendNumber(append(dst, dynTime), ns, 8)
	case opt == soCookie && len(b) >= 8:
		return appendNumber(append(dst, dynNumber64), binary.NativeEndian.Uint64(b), 8)
	case len(b) >= 4:
		return appendNumber(append(dst, dynNumber32), uint64(binary.NativeEndian.Uint32(b)), 4)
	}
	return append(append(dst, dynBytes), b...)
}

// processOf is the event's process; an empty one if it is not known.
func processOf(ev *event.Event) *event.Process {
	if ev.Process == nil {
		return &event.Process{}
	}
	return ev.Process
}

// ended are texts with a NUL behind each.
func ended(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return strings.Join(texts, "\x00") + "\x00"
}
