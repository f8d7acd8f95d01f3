package field

import (
	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// evtIO are the fields of calls that read, write or wait.
func evtIO(rows []call.Row) []Info {
	reads := typesOf(rows, func(r *call.Row) bool { return r.IO&call.Reads != 0 })
	writes := typesOf(rows, func(r *call.Row) bool { return r.IO&call.Writes != 0 })
	waits := typesOf(rows, func(r *call.Row) bool { return r.Waits })
	data := dataParams(rows)
	is := func(name, doc string, sets ...*event.TypeSet) Info {
		return boolean(name, doc, func(ev *event.Event) (bool, bool) {
			for _, s := range sets {
				if s.Has(ev.Type) {
					return true, true
				}
			}
			return false, true
		})
	}
	// moved is how many bytes a call of one of the sets moved, of descriptors of one kind.
	moved := func(name, doc string, of func(*event.Descriptor) bool, sets ...*event.TypeSet) Info {
		return number(name, Uint64, Dec, doc, func(ev *event.Event) (int64, bool) {
			for _, s := range sets {
				if s.Has(ev.Type) {
					p := descriptorOf(ev)
					return max(ev.Ret, 0), ev.Ret >= 0 && p != nil && of(&p.Descriptor)
				}
			}
			return 0, false
		}).with(TableOnly)
	}
	anything := func(*event.Descriptor) bool { return true }
	file := func(d *event.Descriptor) bool { return d.Kind == event.KindFile }
	socket := isInet
	return []Info{
		{Name: "evt.buffer", Type: ByteBuf, Doc: "Data of a read or a write.", Cost: 1, Extract: func(ev *event.Event, _ Arg, v *Value) bool {
			i, ok := data[ev.Type]
			if !ok || i >= len(ev.Params) || ev.Params[i].Missing || ev.Captured != nil && i >= ev.Captured.Params {
				return false
			}
			v.Str = ev.Params[i].Text
			return true
		}},
		number("evt.buflen", Uint64, Dec, "Length in bytes of the data of a read or a write.", func(ev *event.Event) (int64, bool) {
			return ev.Ret, ev.Ret >= 0 && (reads.Has(ev.Type) || writes.Has(ev.Type)) && data[ev.Type] > 0
		}),
		is("evt.is_io", "Whether the call reads or writes.", reads, writes),
		is("evt.is_io_read", "Whether the call reads.", reads),
		is("evt.is_io_write", "Whether the call writes.", writes),
		text("evt.io_dir", "read or write, for calls that do.", func(ev *event.Event) (string, bool) {
			switch {
			case writes.Has(ev.Type):
				return "write", true
			case reads.Has(ev.Type):
				return "read", true
			}
			return "", false
		}),
		is("evt.is_wait", "Whether the call waits.", waits),
		boolean("evt.is_syslog", "Whether the call writes to /dev/log.", func(ev *event.Event) (bool, bool) {
			p := descriptorOf(ev)
			return writes.Has(ev.Type) && p != nil && p.Descriptor.Socket.Name == "/dev/log", true
		}),
		moved("evt.buflen.in", "Bytes read.", anything, reads),
		moved("evt.buflen.out", "Bytes written.", anything, writes),
		moved("evt.buflen.file", "Bytes read from or written to files.", file, reads, writes),
		moved("evt.buflen.file.in", "Bytes read from files.", file, reads),
		moved("evt.buflen.file.out", "Bytes written to files.", file, writes),
		moved("evt.buflen.net", "Bytes received or sent.", socket, reads, writes),
		moved("evt.buflen.net.in", "Bytes received.", socket, reads),
		moved("evt.buflen.net.out", "Bytes sent.", socket, writes),
	}
}

// dataParams are the parameters with the data of the calls that move data, by type.
func dataParams(rows []call.Row) map[event.Type]int {
	found := map[event.Type]int{}
	for _, r := range rows {
		for i := range r.Params {
			if r.Params[i].Name == "data" && r.Params[i].Type == ByteBuf {
				found[r.Type] = i
			}
		}
	}
	return found
}

// categories are evt.category by type, where it is not the descriptor's to say.
func categories(rows []call.Row) map[event.Type]call.Category {
	found := map[event.Type]call.Category{}
	for _, r := range rows {
		found[r.Type] = r.Category
	}
	return found
}

// descriptorCategory is the kind of an event that may be about any descriptor.
func descriptorCategory(ev *event.Event) string {
	p := descriptorOf(ev)
	if p == nil {
		return string(call.OfDescriptor)
	}
	switch d := &p.Descriptor; {
	case d.Kind == event.KindUnknown:
	case d.Kind == event.KindFile || d.Kind == event.KindDirectory:
		return "file"
	case isInet(d):
		return "net"
	default:
		switch typ, _ := kindOf(d); typ {
		case "unix", "pipe", "event", "signalfd", "inotify", "userfaultfd":
			return "ipc"
		}
	}
	return string(call.OfDescriptor)
}
