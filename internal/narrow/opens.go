package narrow

import (
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// Known tells whether an example event answers a comparison of a field with a value; the value is empty if there is
// none, or more than one.
type Known func(field, op, value string) bool

// example is an event of a class.
func example(t event.Type, access uint32, o event.Outcome) event.Event {
	ev := event.Event{Num: 1, Type: t, Ret: 3, DirFD: event.AtFDCWD, Process: &event.Process{}}
	ev.File = event.File{Present: true, FD: 3, Given: "/example", OpenFlags: access, InodeMode: unix.S_IFREG}
	switch o {
	case event.OutcomeFailed, event.OutcomeNameChanged:
		ev.Ret = -int64(unix.ENOENT)
		ev.File.FD, ev.File.InodeMode = ev.Ret, 0
		ev.Flags = flagsOf(o)
	case event.OutcomeDirectory:
		ev.File.InodeMode = unix.S_IFDIR
	case event.OutcomeOther:
		ev.File.InodeMode = unix.S_IFCHR
	}
	return ev
}

func flagsOf(o event.Outcome) event.Flags {
	if o == event.OutcomeNameChanged {
		return event.FlagUnverified | event.FlagNameChanged
	}
	return event.FlagUnverified
}

// knownOf says what every event of a class has in common with its example.
func knownOf(o event.Outcome) Known {
	failed := o == event.OutcomeFailed || o == event.OutcomeNameChanged
	return func(field, op, value string) bool {
		switch field {
		case "evt.type", "syscall.type", "evt.is_open_read", "evt.is_open_write", "evt.failed", "evt.name_changed":
			return true
		case "fd.name.exit":
			return o != event.OutcomeNameChanged
		case "evt.num":
			return value == "0" // events count from 1
		case "fd.typechar", "fd.type":
			return o != event.OutcomeOther
		case "evt.res":
			return !failed || value == "SUCCESS"
		case "fd.num":
			return failed || sign(op, value)
		case "evt.rawres":
			return sign(op, value)
		}
		return false
	}
}

// sign tells whether a comparison asks for the sign alone.
func sign(op, value string) bool { return value == "0" && (op == ">=" || op == "<") }
