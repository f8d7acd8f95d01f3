package field

import (
	"encoding/binary"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// Some calls have parameters whose meaning is another parameter's to say: the command of prctl, the request of ptrace, the option
// of setsockopt. The record has what any of the meanings needs; here is chosen.

// paramOf finds a row's parameter by name.
func paramOf(r *call.Row, name string) int {
	for i := range r.Params {
		if r.Params[i].Name == name {
			return i
		}
	}
	return -1
}

// byCommand is the value of parameter i, if the command is one that has it.
func byCommand(r *call.Row, i int) func(*event.Event, *Value) bool {
	value := sent(i)
	number := func(ev *event.Event, param int) int64 {
		if param < 0 || param >= len(ev.Params) {
			return 0
		}
		return ev.Params[param].Num
	}
	when := func(has func(ev *event.Event) bool) func(*event.Event, *Value) bool {
		return func(ev *event.Event, v *Value) bool {
			if has(ev) {
				return value(ev, v)
			}
			v.Num, v.Str = 0, ""
			return r.Params[i].Type.Group() != Text && r.Params[i].Type != ByteBuf
		}
	}
	cmd, option, request, nsops := paramOf(r, "cmd"), paramOf(r, "option"), paramOf(r, "request"), paramOf(r, "nsops")
	switch r.Params[i].Made {
	case call.OptionText:
		return when(func(ev *event.Event) bool { return isName(number(ev, option)) })
	case call.OptionNumber:
		return when(func(ev *event.Event) bool { return !isName(number(ev, option)) })
	case call.Trace:
		return when(func(ev *event.Event) bool { return !ev.Failed() && number(ev, request) != 0 })
	case call.SecondOperation:
		return when(func(ev *event.Event) bool { return number(ev, nsops) > 1 })
	case call.SemaphoreValue:
		const setVal = 0x1000
		return when(func(ev *event.Event) bool { return number(ev, cmd) == setVal })
	case call.ConfigBytes:
		return when(func(ev *event.Event) bool { return !ev.Failed() && number(ev, cmd) == fsconfigBinary })
	case call.ConfigText:
		return when(func(ev *event.Event) bool {
			n := number(ev, cmd)
			return !ev.Failed() && n >= fsconfigString && n <= fsconfigPathEmpty && n != fsconfigBinary
		})
	case call.Option:
		return optionValue(i, paramOf(r, "level"), paramOf(r, "optname"))
	case call.QuotaFile:
		return when(func(ev *event.Event) bool { return number(ev, cmd) == quotaOn })
	case call.QuotaLimit:
		return when(func(ev *event.Event) bool { n := number(ev, cmd); return n == quotaGet || n == quotaSet })
	case call.QuotaFormat: // the id of Q_QUOTAON
		return quotaFormat(r, i, "id", func(ev *event.Event) bool { return number(ev, cmd) == quotaOn })
	case call.QuotaFormatOut: // Q_GETFMT stores it where other commands have a limit
		return quotaFormat(r, i, "dqb_bhardlimit", func(ev *event.Event) bool { return !ev.Failed() && number(ev, cmd) == quotaGetFormat })
	case call.QuotaInfo:
		return when(func(ev *event.Event) bool { n := number(ev, cmd); return n == quotaGetInfo || n == quotaSetInfo })
	}
	return value
}

// Commands of fsconfig (linux/mount.h), and Falco's numbers of quotactl's.
const (
	fsconfigString    = 1
	fsconfigBinary    = 2
	fsconfigPathEmpty = 4

	quotaOn        = 0x1
	quotaGetFormat = 0x4
	quotaGetInfo   = 0x8
	quotaSetInfo   = 0x10
	quotaGet       = 0x20
	quotaSet       = 0x40

	// quotaUnused is the number of a format for commands that have none.
	quotaUnused = 0x1
)

// quotaFormat is the format of a quota, for a command that has one: the low 32 bits of another parameter.
func quotaFormat(r *call.Row, i int, from string, has func(*event.Event) bool) func(*event.Event, *Value) bool {
	source, names := paramOf(r, from), r.Params[i].Names
	return func(ev *event.Event, v *Value) bool {
		v.Num = quotaUnused
		if source < len(ev.Params) && !ev.Params[source].Missing && has(ev) {
			v.Num = int64(names.Number(uint64(uint32(ev.Params[source].Num))))
		}
		return true
	}
}

// isName tells whether an option of prctl has a text.
func isName(option int64) bool { return option == unix.PR_SET_NAME || option == unix.PR_GET_NAME }

// optionValue is the value of a socket option: a number, an error, a time, or its bytes.
func optionValue(i, level, option int) func(*event.Event, *Value) bool {
	const solSocket = 1 // Falco's number
	// Falco's numbers of options.
	const soError, soRcvTimeo, soSndTimeo, soCookie = 4, 0x14, 0x15, 0x35
	return func(ev *event.Event, v *Value) bool {
		if i >= len(ev.Params) || ev.Params[i].Missing {
			return false
		}
		b := []byte(ev.Params[i].Text)
		opt := ev.Params[option].Num
		switch {
		case ev.Params[level].Num != solSocket || opt == 0:
			v.Str = ev.Params[i].Text
			return v.Str != ""
		case opt == soError && len(b) >= 4:
			n := -int64(int32(binary.NativeEndian.Uint32(b)))
			v.Str = strconv.FormatInt(n, 10)
			if name := errnoName(n); name != "" {
				v.Str += "(" + name + ")"
			}
		case (opt == soRcvTimeo || opt == soSndTimeo) && len(b) >= 16:
			ns := int64(binary.NativeEndian.Uint64(b))*1e9 + int64(binary.NativeEndian.Uint64(b[8:]))*1e3
			v.Str = strconv.FormatInt(ns, 10) + "(" + secondsText(ns) + ")"
		case opt == soCookie && len(b) >= 8:
			v.Str = strconv.FormatUint(binary.NativeEndian.Uint64(b), 10)
		case len(b) >= 4:
			v.Str = strconv.FormatUint(uint64(binary.NativeEndian.Uint32(b)), 10)
		default:
			v.Str = ev.Params[i].Text
		}
		return v.Str != ""
	}
}

// duration is a struct timespec in ns. Its words are as wide as the caller's.
func duration(i int) func(*event.Event, *Value) bool {
	return func(ev *event.Event, v *Value) bool {
		v.Num = 0
		if i >= len(ev.Params) || ev.Params[i].Missing {
			return true
		}
		b := []byte(ev.Params[i].Text)
		switch {
		case ev.Flags&event.FlagCompat != 0 && len(b) >= 8:
			v.Num = int64(int32(binary.NativeEndian.Uint32(b)))*1e9 + int64(int32(binary.NativeEndian.Uint32(b[4:])))
		case len(b) >= 16:
			v.Num = int64(binary.NativeEndian.Uint64(b))*1e9 + int64(binary.NativeEndian.Uint64(b[8:]))
		}
		return true
	}
}
