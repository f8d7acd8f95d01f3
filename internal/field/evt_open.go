package field

import (
	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// evtCounts are 1 or 0 for one event; they add up in tables.
func evtCounts(rows []call.Row) []Info {
	one := func(*event.Event) (int64, bool) { return 1, true }
	failed := func(ev *event.Event) (int64, bool) {
		if !hasResult(ev) {
			return 0, false
		}
		if ev.Failed() {
			return 1, true
		}
		return 0, true
	}
	count := func(name, doc string, get func(*event.Event) (int64, bool)) Info {
		return number(name, Uint32, Dec, doc, get)
	}
	kinds := categories(rows)
	// of counts the failures of one category; "" stands for all that have no count of their own.
	of := func(name, doc, wanted string) Info {
		return count(name, doc, func(ev *event.Event) (int64, bool) {
			kind := category(ev, kinds)
			if kind != "file" && kind != "net" && kind != "memory" {
				kind = ""
			}
			n, ok := failed(ev)
			return n, ok && kind == wanted
		})
	}
	return []Info{
		count("evt.count", "Always 1.", one),
		count("evt.count.error", "1 if the call failed, otherwise 0.", failed),
		of("evt.count.error.file", "The same for calls on files.", "file"),
		of("evt.count.error.net", "The same for calls on sockets.", "net"),
		of("evt.count.error.memory", "The same for calls on memory.", "memory"),
		of("evt.count.error.other", "The same for all other calls.", ""),
		count("evt.count.exit", "1 for the end of a system call.", func(ev *event.Event) (int64, bool) { return 1, hasResult(ev) }),
		constant("evt.count.procinfo", Uint32, Dec, "Always 0.", 0).with(TableOnly),
		constant("evt.count.threadinfo", Uint32, Dec, "Always 0.", 0).with(TableOnly),
	}
}

// evtOpen tells how a file was opened. As in Falco, creat counts for evt.is_open_exec only.
func evtOpen() []Info {
	opens := func(name, doc string, test func(*event.Event) bool) Info {
		return boolean(name, doc, func(ev *event.Event) (bool, bool) { return isOpen(ev.Type) && test(ev), true })
	}
	return []Info{
		opens("evt.is_open_read", "Whether a file was opened for reading, or it was tried.", func(ev *event.Event) bool {
			return openFlags(ev)&falcoRead != 0
		}),
		opens("evt.is_open_write", "Whether a file was opened for writing, or it was tried.", func(ev *event.Event) bool {
			return openFlags(ev)&falcoWrite != 0
		}),
		boolean("evt.is_open_exec", "Whether an open or creat may make an executable file: its mode has an x.",
			func(ev *event.Event) (bool, bool) {
				creates := ev.Type == event.TypeCreat ||
					isOpen(ev.Type) && ev.Type != event.TypeOpenByHandleAt && openFlags(ev)&(falcoCreate|falcoTmpfile) != 0
				return creates && ev.File.Mode&0o111 != 0, true
			}),
		opens("evt.is_open_create", "Whether an open made the file.", func(ev *event.Event) bool {
			f := openFlags(ev)
			return f&falcoCreated != 0 || f&falcoTmpfile != 0 && !ev.Failed()
		}),
	}
}

func isOpen(t event.Type) bool {
	switch t {
	case event.TypeOpen, event.TypeOpenat, event.TypeOpenat2, event.TypeOpenByHandleAt:
		return true
	}
	return false
}
