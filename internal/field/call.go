package field

import (
	"strconv"
	"strings"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// typesOf are the event types of the table's rows of which something is true.
func typesOf(rows []call.Row, is func(*call.Row) bool) *event.TypeSet {
	var set event.TypeSet
	for i := range rows {
		if is(&rows[i]) {
			set.Add(rows[i].Type)
		}
	}
	return &set
}

// tableParams are the parameters of the table's calls, by the event's type.
func tableParams(rows []call.Row) map[event.Type][]param {
	all := map[event.Type][]param{}
	for i := range rows {
		r := &rows[i]
		var list []param
		for j := range r.Params {
			if r.Params[j].Name != "" {
				list = append(list, tableParam(r, j))
			}
		}
		all[r.Type] = list
	}
	return all
}

// genericParams are the parameters of a call without a row.
func genericParams() []param {
	return []param{
		{"ID", SyscallID, Dec, num(func(ev *event.Event) int64 { return int64(ev.Type) }),
			func(ev *event.Event, _ *Value) string { return ev.Type.String() }},
		{"nativeID", Uint16, Dec, num(func(ev *event.Event) int64 { return int64(ev.NativeID) }), nil},
	}
}

// tableParam is parameter i of a row.
func tableParam(r *call.Row, i int) param {
	p := &r.Params[i]
	out := param{name: p.Name, typ: p.Type, format: p.Format, get: sent(i), meaning: meaningOf(p, i)}
	switch p.Made {
	case call.AsSent:
		if !p.Sent() {
			out.get = func(_ *event.Event, v *Value) bool {
				v.Num, v.Str = 0, ""
				return p.Type.Group() != Text && p.Type != ByteBuf
			}
		}
		if r.Forks() && p.Name == "res" {
			out.meaning = childMeaning
		}
	case call.OfProcess:
		return processParam(p)
	case call.Tuple:
		out.get = tupleText
	case call.Address:
		out.get = addressText(i)
	case call.Inode, call.SocketSource, call.SocketPeer, call.QueueLen, call.QueueMax, call.QueuePercent:
		out.get = ofSocket(p.Made, len(r.Params)-1)
	case call.Duration:
		out.get = duration(i)
		out.meaning = seconds
	case call.Descriptors:
		out.get = polled(i)
	default:
		out.get = byCommand(r, i)
	}
	if p.Type == ByteBuf && p.Made != call.Descriptors {
		out.get = orNull(out.get)
	}
	return out
}

// orNull has bytes that are missing print as NULL, as Falco does.
func orNull(get func(*event.Event, *Value) bool) func(*event.Event, *Value) bool {
	return func(ev *event.Event, v *Value) bool {
		if get(ev, v) {
			return true
		}
		v.Str = "NULL"
		return false
	}
}

// sent is the value as the record has it.
func sent(i int) func(*event.Event, *Value) bool {
	return func(ev *event.Event, v *Value) bool {
		if i >= len(ev.Params) || ev.Params[i].Missing {
			return false
		}
		v.Num, v.Str = ev.Params[i].Num, ev.Params[i].Text
		return true
	}
}

// meaningOf is what a value of the parameter's type stands for.
func meaningOf(p *call.Param, i int) func(*event.Event, *Value) string {
	switch {
	case p.Names != nil && (isFlags(p.Type) || p.Type == Mode):
		texts := &flagTexts{format: p.Names.Text}
		return func(_ *event.Event, v *Value) string { return texts.text(uint64(v.Num)) }
	case p.Type == FD:
		return descriptorMeaning(i)
	case p.Type == FSPath || p.Type == FSRelPath:
		return func(ev *event.Event, _ *Value) string {
			if given, text := ev.Params[i].Given, ev.Params[i].Text; given != text && text != "" {
				return given
			}
			return ""
		}
	}
	switch p.Type {
	case Errno:
		return errnoMeaning
	case Int64:
		if p.Name == "res" {
			return errnoMeaning
		}
	case RelTime:
		return seconds
	case PID:
		return commMeaning
	case SigType:
		return signalMeaning
	case UID:
		return userMeaning
	case GID:
		return groupMeaning
	}
	return nil
}

func descriptorMeaning(i int) func(*event.Event, *Value) string {
	return func(ev *event.Event, v *Value) string {
		switch d := &ev.Params[i].Descriptor; {
		case v.Num == event.AtFDCWD:
			return "AT_FDCWD"
		case v.Num < 0:
			return errnoName(v.Num)
		case d.Kind != event.KindUnknown:
			return string(appendDescriptor(nil, d))
		}
		return ""
	}
}

// tupleText is both ends of the call's socket; missing if it has no other one.
func tupleText(ev *event.Event, v *Value) bool {
	p := descriptorOf(ev)
	if p == nil || p.Descriptor.Kind != event.KindSocket || ev.Failed() && !inProgress(ev.Ret) {
		return false
	}
	d := &p.Descriptor
	if isInet(d) {
		if e := endpointsOf(&d.Socket); !e.connected() {
			return false
		}
	}
	setDescriptorName(d, v)
	return v.Str != ""
}

// childMeaning is the name of the process that the call made: its parent's.
func childMeaning(ev *event.Event, v *Value) string {
	if v.Num <= 0 || ev.Process == nil {
		return errnoName(v.Num)
	}
	return ev.Process.Comm
}

// inProgress: a connection that is being made; its ends are known.
func inProgress(ret int64) bool { return errnoName(ret) == "EINPROGRESS" }

func addressText(i int) func(*event.Event, *Value) bool {
	return func(ev *event.Event, v *Value) bool {
		if i >= len(ev.Params) || ev.Params[i].Missing {
			return false
		}
		p := &ev.Params[i]
		if p.Addr.IsValid() {
			v.built = appendEnd(v.built[:0], unmapped(p.Addr))
			v.setBuilt()
			return true
		}
		v.Str = strings.TrimRight(p.Text, "\x00")
		return v.Str != ""
	}
}

// ofSocket are what the row's descriptor knows; the queue is that of the socket in the last parameter.
func ofSocket(m call.Made, listener int) func(*event.Event, *Value) bool {
	return func(ev *event.Event, v *Value) bool {
		p := descriptorOf(ev)
		v.Num = 0
		if p == nil || ev.Failed() {
			return true
		}
		if m == call.QueueLen || m == call.QueueMax || m == call.QueuePercent {
			p = &ev.Params[listener]
		}
		s := &p.Descriptor.Socket
		switch m {
		case call.Inode:
			v.Num = int64(p.Descriptor.ID.Ino)
		case call.SocketSource:
			v.Num = int64(s.Peer)
		case call.SocketPeer:
			v.Num = int64(s.Sock)
		case call.QueueLen:
			v.Num = int64(s.QueueLen)
		case call.QueueMax:
			v.Num = int64(s.QueueMax)
		case call.QueuePercent:
			if s.QueueMax > 0 {
				v.Num = int64(s.QueueLen) * 100 / int64(s.QueueMax)
			}
		}
		return true
	}
}

// seconds is a duration in ns as seconds.
func seconds(_ *event.Event, v *Value) string { return secondsText(v.Num) }

func secondsText(ns int64) string { return strconv.FormatFloat(float64(ns)/1e9, 'g', 6, 64) + "s" }

// processParam is what the process table knows of the process that returned from the call, under the name that it has among the
// parameters of an exec.
func processParam(p *call.Param) param {
	of := param{p.Name, p.Type, p.Format, nil, nil}
	for _, exec := range execParams(newFlagTexts(exeNames, "|")) {
		if exec.name == p.Name {
			of.get, of.meaning = exec.get, exec.meaning
		}
	}
	switch p.Name {
	case "uid", "gid":
		of.meaning = nil // of type UINT32 here
	case "pidns_init_start_ts":
		of.get = func(ev *event.Event, v *Value) bool {
			if ev.Process == nil {
				return false
			}
			v.Num = int64(ev.Process.PidnsStart) // ns since boot, as Falco has it here
			return v.Num != 0
		}
	case "vtid":
		of.get, of.meaning = num(func(ev *event.Event) int64 { return int64(ev.Vtid) }), commMeaning
	case "vpid":
		of.get, of.meaning = num(func(ev *event.Event) int64 { return int64(ev.Vpid) }), commMeaning
	}
	return of
}
