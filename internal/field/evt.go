package field

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// Layouts of times as Falco prints them.
const (
	timeLayout     = "15:04:05.000000000"
	timeLayoutS    = "15:04:05"
	isoLayout      = "2006-01-02T15:04:05.000000000-0700"
	dateTimeLayout = "2006-01-02 " + timeLayout
)

func evtTime(zone *time.Location) []Info {
	clock := func(name, layout string, zone *time.Location, doc string) Info {
		return Info{Name: name, Doc: doc, Cost: 2, Flags: JSONNumber, Extract: func(ev *event.Event, _ Arg, v *Value) bool {
			v.Num = ev.Time
			v.Str = time.Unix(0, ev.Time).In(zone).Format(layout)
			return true
		}}
	}
	const second = int64(time.Second)
	since := func(name string, f Format, doc string, from func(*event.Event) uint64, part func(ns int64) int64) Info {
		return number(name, RelTime, f, doc, func(ev *event.Event) (int64, bool) {
			t := from(ev)
			return part(max(int64(ev.Boot-t), 0)), t != 0
		})
	}
	first := func(ev *event.Event) uint64 { return ev.First }
	previous := func(ev *event.Event) uint64 { return ev.Previous }
	whole := func(ns int64) int64 { return ns }
	seconds := func(ns int64) int64 { return ns / second }
	rest := func(ns int64) int64 { return ns % second }
	return []Info{
		number("evt.num", Uint64, ID, "Number of the event, from 1.", func(ev *event.Event) (int64, bool) { return int64(ev.Num), true }),
		clock("evt.time", timeLayout, zone, "Local time of day with nanoseconds; in JSON, ns since the epoch."),
		clock("evt.time.s", timeLayoutS, zone, "Local time of day; in JSON, ns since the epoch."),
		clock("evt.time.iso8601", isoLayout, time.UTC, "UTC date and time in ISO 8601 with nanoseconds; in JSON, ns since the epoch."),
		clock("evt.datetime", dateTimeLayout, zone, "Local date and time with nanoseconds; in JSON, ns since the epoch."),
		clock("evt.datetime.s", time.DateTime, zone, "Local date and time; in JSON, ns since the epoch."),
		number("evt.rawtime", AbsTime, Dec, "Time in ns since the epoch.", func(ev *event.Event) (int64, bool) { return ev.Time, true }),
		number("evt.rawtime.s", AbsTime, Dec, "Whole seconds since the epoch.",
			func(ev *event.Event) (int64, bool) { return ev.Time / second, true }),
		number("evt.rawtime.ns", AbsTime, Padded10, "Nanoseconds within the second.",
			func(ev *event.Event) (int64, bool) { return ev.Time % second, true }),
		since("evt.reltime", Padded10, "Nanoseconds since the first event.", first, whole),
		since("evt.reltime.s", Dec, "Whole seconds since the first event.", first, seconds),
		since("evt.reltime.ns", Padded10, "Nanoseconds within the second since the first event.", first, rest),
		clock("evt.outputtime", timeLayout, zone, "Time of day as Falco's own output shows it.").with(PrintOnly),
		constant("evt.latency", RelTime, Dec, "Always 0; kept for old rules.", 0).with(Deprecated),
		constant("evt.latency.s", RelTime, Dec, "Always 0; kept for old rules.", 0).with(Deprecated),
		constant("evt.latency.ns", RelTime, Padded10, "Always 0; kept for old rules.", 0).with(Deprecated | JSONNumber),
		constant("evt.latency.quantized", Uint64, Dec, "Always 0; kept for old rules.", 0).with(Deprecated | TableOnly),
		text("evt.latency.human", "Always 0ns; kept for old rules.",
			func(*event.Event) (string, bool) { return "0ns", true }).with(Deprecated),
		since("evt.deltatime", Dec, "Nanoseconds since the previous event.", previous, whole),
		since("evt.deltatime.s", Dec, "Whole seconds since the previous event.", previous, seconds),
		since("evt.deltatime.ns", Padded10, "Nanoseconds within the second since the previous event.", previous, rest).with(JSONNumber),
	}
}

// Around is the field that = compares as <= does.
const Around = "evt.around"

// around is the distance of an event from a moment, in ms, rounded up.
func around(a Arg) func(*event.Event, *Value) bool {
	at, err := strconv.ParseInt(a.Text, 10, 64)
	return func(ev *event.Event, v *Value) bool {
		distance := max(ev.Time-at, at-ev.Time)
		v.Num = (distance + int64(time.Millisecond) - 1) / int64(time.Millisecond)
		return err == nil && distance >= 0
	}
}

func evtFields(hostname string, rows []call.Row) []Info {
	typeName := func(ev *event.Event) (string, bool) { return ev.Type.String(), true }
	result := func(ev *event.Event) (int64, bool) { return ev.Ret, hasResult(ev) }
	kinds := categories(rows)
	evtType := text("evt.type", "Name of the system call, or of another event.", typeName)
	evtType.Cost = 0
	return []Info{
		text("evt.dir", "Always \"<\": rules see the end of a call only.",
			func(*event.Event) (string, bool) { return "<", true }).with(Deprecated),
		evtType,
		{
			Name: "evt.type.is", Type: Uint32, Arg: ArgRequired, DotArg: true, CheckArg: checkTypeIs, Extract: typeIs(typeCodes(rows)),
			Doc: "1 if the event is of the type that the argument names, by name or by Falco's number, otherwise 0.",
		},
		text("syscall.type", "Name of the system call; missing for other events.", func(ev *event.Event) (string, bool) {
			return ev.Type.String(), isSyscall(ev)
		}),
		text("evt.category", "Kind of event: file, process, net, ….",
			func(ev *event.Event) (string, bool) { return category(ev, kinds), true }),
		number("evt.cpu", Int16, ID, "Number of the CPU on which it happened.",
			func(ev *event.Event) (int64, bool) { return int64(ev.CPU), true }),
		text("evt.res", "SUCCESS, or the name of the error: ENOENT, EACCES, ….", resultName),
		number("evt.rawres", Int64, Dec, "Return value as a number, -errno for an error.", result),
		boolean("evt.failed", "Whether the call returned an error.",
			func(ev *event.Event) (bool, bool) { return ev.Failed(), hasResult(ev) }),
		constant("evt.wait_latency", RelTime, Dec, "Always 0; kept for old rules.", 0).with(Deprecated),
		{
			Name: Around, Type: Uint64, Format: Dec, Arg: ArgRequired, NumArg: true, Bind: around, Flags: FilterOnly | NoRHS | NoTransformer,
			Doc: "Distance in ms of the event from a time in ns since the epoch: = holds up to that distance, and no other operator fits.",
		},
		text("evt.source", "Where the event comes from: syscall.", func(*event.Event) (string, bool) { return "syscall", true }),
		boolean("evt.is_async", "Whether the event is no system call but a notice, of a capture.",
			func(ev *event.Event) (bool, bool) { return isNotice(ev), true }),
		text("evt.asynctype", "Kind of a notice.", func(ev *event.Event) (string, bool) { return ev.Type.String(), isNotice(ev) }).with(NeverSet),
		neverSetText("evt.pluginname", "Name of the plugin that the event comes from."),
		neverSetText("evt.plugininfo", "Summary by the plugin that the event comes from."),
		text("evt.hostname", "Name of this host, or of that of a capture.", func(ev *event.Event) (string, bool) {
			if ev.Captured != nil {
				return ev.Captured.Hostname, true
			}
			return hostname, hostname != ""
		}),
		neverSetText("evt.infra.docker.name", "Docker's event.").with(TableOnly),
		neverSetText("evt.infra.docker.container.id", "Container's id in Docker's event.").with(TableOnly),
		neverSetText("evt.infra.docker.container.name", "Container's name in Docker's event.").with(TableOnly),
		neverSetText("evt.infra.docker.container.image", "Container's image in Docker's event.").with(TableOnly),
	}
}

// hasResult: the end of a process returns nothing.
func hasResult(ev *event.Event) bool {
	if ev.Captured != nil {
		return ev.Captured.Returned
	}
	return ev.Type.IsSyscall()
}

func isSyscall(ev *event.Event) bool {
	if ev.Captured != nil {
		return ev.Captured.Syscall
	}
	return ev.Type.IsSyscall()
}

func resultName(ev *event.Event) (string, bool) {
	switch {
	case !hasResult(ev):
		return "", false
	case ev.Ret >= 0:
		return "SUCCESS", true
	case ev.Captured != nil && !ev.Captured.Errno:
		return strconv.FormatInt(ev.Ret, 10), true
	}
	if name := errnoName(ev.Ret); name != "" {
		return name, true
	}
	return strconv.FormatInt(ev.Ret, 10), true
}

func isNotice(ev *event.Event) bool { return ev.Captured != nil && ev.Captured.Notice }

func category(ev *event.Event, kinds map[event.Type]call.Category) string {
	switch {
	case ev.Captured != nil && ev.Captured.Category == "":
		return descriptorCategory(ev)
	case ev.Captured != nil:
		return ev.Captured.Category
	}
	switch ev.Type {
	case event.TypeExecve, event.TypeExecveat, event.TypeProcexit:
		return "process"
	case event.TypeOpen, event.TypeOpenat, event.TypeOpenat2, event.TypeCreat, event.TypeOpenByHandleAt:
		return "file"
	case event.TypeIoUringSetup:
		return string(call.OfDescriptor)
	}
	switch c := kinds[ev.Type]; c {
	case call.OfDescriptor:
		return descriptorCategory(ev)
	case "":
		return string(call.Other)
	default:
		return string(c)
	}
}

// typeCodes are the numbers of the events' exits in Falco's event table.
func typeCodes(rows []call.Row) map[event.Type]int {
	codes := map[event.Type]int{
		event.TypeOpen: 3, event.TypeCreat: 59, event.TypeProcexit: 186, event.TypeExecve: 293, event.TypeOpenat: 307, event.TypeOpenat2: 327,
		event.TypeExecveat: 331, event.TypeOpenByHandleAt: 337, event.TypeIoUringSetup: 339,
	}
	for _, r := range rows {
		codes[r.Type] = r.Code
	}
	return codes
}

func checkTypeIs(a Arg) error {
	if a.Index >= 0 {
		return nil
	}
	if _, ok := event.TypeByName(a.Text); !ok {
		return fmt.Errorf("unknown event type %q", a.Text)
	}
	return nil
}

func typeIs(codes map[event.Type]int) func(*event.Event, Arg, *Value) bool {
	return func(ev *event.Event, a Arg, v *Value) bool {
		code, known := codes[ev.Type]
		if ev.Captured != nil {
			code, known = ev.Captured.Code, true
		}
		v.SetBool(ev.Type.String() == a.Text || a.Index >= 0 && known && code == a.Index)
		return true
	}
}

func evtAdditive() []Info {
	return []Info{
		boolean("evt.is_io_uring", "Whether a ring of io_uring made the call.", func(ev *event.Event) (bool, bool) {
			return ev.Flags&event.FlagIoUring != 0, true
		}).with(Additive),
		boolean("evt.unverified",
			"Whether a path was read from user memory, which another thread may have rewritten, or the file could not be looked at.",
			func(ev *event.Event) (bool, bool) {
				return ev.Flags&event.FlagUnverified != 0, true
			}).with(Additive),
		boolean("evt.name_changed", "Whether the path of a call that failed was another one when it returned than when it began.",
			func(ev *event.Event) (bool, bool) {
				return ev.Flags&event.FlagNameChanged != 0, true
			}).with(Additive),
		text("evt.truncated", "What was cut for its length, joined by commas: path, name, args, env, dirfd; empty if nothing was.",
			truncated).with(Additive),
	}
}

// cuts are the words of evt.truncated by a bit set: path 1, name 2, args 4, env 8; that of the directory descriptor stands behind them.
var cuts = [16]string{
	"", "path", "name", "path,name", "args", "path,args", "name,args", "path,name,args",
	"env", "path,env", "name,env", "path,name,env", "args,env", "path,args,env", "name,args,env", "path,name,args,env",
}

// cutsAtDir are the same with the directory descriptor.
var cutsAtDir = func() (with [16]string) {
	for i, words := range cuts {
		with[i] = strings.TrimPrefix(words+",dirfd", ",")
	}
	return with
}()

func truncated(ev *event.Event) (string, bool) {
	f := ev.Flags
	if ev.Process != nil {
		f |= ev.Process.Flags
	}
	n := 0
	for i, flag := range [...]event.Flags{event.FlagPathTruncated, event.FlagRawTruncated, event.FlagArgsTruncated,
		event.FlagEnvTruncated} {
		if f&flag != 0 {
			n |= 1 << i
		}
	}
	if f&event.FlagDirTruncated != 0 {
		return cutsAtDir[n], true
	}
	return cuts[n], true
}
