package field

import (
	"strings"
	"unicode/utf8"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// The parameters of an event of a capture are those that the capture has: each as it was recorded, and as many as there are. Names,
// types and the texts of flags are those of the same event of this machine's kernel.

// captured makes the parameters of the events of captures, by the event's type.
func captured(ps *params, rows []call.Row) map[event.Type][]param {
	all := map[event.Type][]param{}
	for _, t := range event.AllTypes() {
		list := ps.of(t)
		if len(list) == 0 {
			continue
		}
		for i := range list {
			all[t] = append(all[t], capturedParam(list[i], i))
		}
	}
	for i := range rows {
		r := &rows[i]
		for j := range all[r.Type] {
			switch p := &r.Params[j]; p.TypeWord() {
			case "DYN", "SOCKTUPLE":
				all[r.Type][j].shownAsText(j, "NULL")
			case "SIGSET", "SOCKADDR":
				all[r.Type][j].shownAsText(j, na)
			case "FDLIST":
				all[r.Type][j].get = recordedList(j)
			}
		}
	}
	for name, list := range metaParams() {
		t, _ := event.TypeByName(name)
		all[t] = nil
		for i, p := range list {
			all[t] = append(all[t], capturedParam(p, i))
		}
	}
	return all
}

// metaParams are the parameters of the events that this machine's kernel does not make, or not with these, by the type's name.
func metaParams() map[string][]param {
	of := func(typ Type, f Format) func(names ...string) []param {
		return func(names ...string) (list []param) {
			for _, n := range names {
				list = append(list, param{name: n, typ: typ, format: f})
			}
			return list
		}
	}
	u32, u64, text, pid := of(Uint32, Dec), of(Uint64, Dec), of(CharBuf, Plain), of(PID, Dec)
	user := append(u32("uid", "gid"), text("name", "home", "shell", "container_id")...)
	group := append(u32("gid"), text("name", "container_id")...)
	return map[string][]param{
		"procinfo":     u64("cpu_usr", "cpu_sys"),
		"switch":       append(append(pid("next"), u64("pgft_maj", "pgft_min")...), u32("vm_size", "vm_rss", "vm_swap")...),
		"drop":         u32("ratio"),
		"scapevent":    append(u32("event_type"), u64("event_data")...),
		"fstat64":      of(Errno, Dec)("res"),
		"cpu_hotplug":  u32("cpu", "action"),
		"container":    text("json"),
		"notification": text("id", "desc"),
		"infra":        text("source", "name", "description", "scope"),
		"asyncevent":   append(u32("plugin_id"), append(text("name"), of(ByteBuf, Plain)("data")...)...),
		"pluginevent":  append(u32("plugin_id"), of(ByteBuf, Plain)("event_data")...),
		"page_fault":   append(of(Uint64, Hex)("addr", "ip"), of(Flags32, Hex)("error")...),
		"useradded":    user, "userdeleted": user,
		"groupadded": group, "groupdeleted": group,
	}
}

// capturedParam makes parameter i of one of this machine's events that of a recorded one.
func capturedParam(p param, i int) param {
	named := p.meaning
	p.get = recorded(i, na)
	if p.typ == ByteBuf {
		p.get = recorded(i, "NULL")
	}
	given := func(ev *event.Event, _ *Value) string { return ev.Params[i].Given }
	switch p.typ {
	case FD:
		p.meaning = descriptorMeaning(i)
	case PID, FSPath, FSRelPath:
		p.meaning = given
	case UID:
		p.meaning = capturedUser
	case GID:
		p.meaning = capturedGroup
	case Errno:
		p.meaning = errnoMeaning
	case SigType:
		p.meaning = signalMeaning
	case RelTime:
		p.meaning = seconds
		number := p.get
		p.get = func(ev *event.Event, v *Value) bool {
			if ok := number(ev, v); !ok || v.Num != -1 {
				return ok
			}
			v.Str = "none"
			return false
		}
	default:
		p.meaning = nil
		if isFlags(p.typ) || p.typ == Mode {
			p.meaning = named
		}
	}
	return p
}

// recorded is parameter i as it was recorded; missing stands for an empty one.
func recorded(i int, missing string) func(*event.Event, *Value) bool {
	return func(ev *event.Event, v *Value) bool {
		if i >= ev.Captured.Params {
			return false
		}
		in := &ev.Params[i]
		v.Num, v.Str = in.Num, in.Text
		if in.Missing {
			v.Str = missing
		}
		return !in.Missing
	}
}

// recordedList is a list of descriptors.
func recordedList(i int) func(*event.Event, *Value) bool {
	list, missing := polled(i), recorded(i, "NULL")
	return func(ev *event.Event, v *Value) bool { return missing(ev, v) && list(ev, v) }
}

// shownAsText has a value of changing type shown by its text.
func (p *param) shownAsText(i int, missing string) {
	p.typ, p.format, p.get = CharBuf, Plain, recorded(i, missing)
	p.meaning = func(ev *event.Event, _ *Value) string { return ev.Params[i].Given }
}

// genericExit is the number in Falco's event table of the end of a call without an event of its own.
const genericExit = 1

// list are the parameters that evt.args shows: of a recorded call without an event of its own none, as in Falco.
func (ps *params) list(ev *event.Event) []param {
	c := ev.Captured
	switch {
	case c == nil:
		return ps.of(ev.Type)
	case c.Code == genericExit:
		return nil
	}
	list := ps.captured[ev.Type]
	return list[:min(len(list), c.Params)]
}

// choice is one parameter by the event's type, nil where a type has none: of this machine's events and of those of captures.
type choice struct{ own, captured []*param }

func (c *choice) of(ev *event.Event) *param {
	if ev.Captured == nil {
		return c.own[ev.Type]
	}
	return c.captured[ev.Type]
}

// capturedCgroup finds the cgroup of a controller.
func capturedCgroup(cgroups []string, controller string, v *Value) bool {
	for _, c := range cgroups {
		if name, path, ok := strings.Cut(c, "="); ok && name == controller {
			v.Str = path
			return true
		}
	}
	return false
}

// capturedUser and capturedGroup know root only if the capture does.
func capturedUser(ev *event.Event, v *Value) string {
	switch {
	case v.Num == unsetID:
		return "<NONE>"
	case ev.Accounts == nil:
		return na
	}
	return orNA(ev.Accounts.Users[uint32(v.Num)].Name)
}

func capturedGroup(ev *event.Event, v *Value) string {
	switch {
	case v.Num == unsetID:
		return "<NONE>"
	case ev.Accounts == nil:
		return na
	}
	return orNA(ev.Accounts.Groups[uint32(v.Num)])
}

// replacement stands for what can't be printed.
const replacement = "\uFFFD"

// printableText replaces what of a text can't be printed, as Falco 0.44 does in all texts: control characters, broken UTF-8, and code
// points that are no characters.
func printableText(s string) string {
	var b strings.Builder
	from := 0
	for i := 0; i < len(s); {
		n, ok := printableLen(s[i:])
		if !ok {
			b.WriteString(s[from:i])
			b.WriteString(replacement)
			from = i + n
		}
		i += n
	}
	if from == 0 {
		return s
	}
	b.WriteString(s[from:])
	return b.String()
}

// printableLen is the length of the character, or of the broken piece, at the start of a text, and whether it can be printed.
func printableLen(s string) (n int, ok bool) {
	if s[0] < utf8.RuneSelf {
		return 1, s[0] >= ' ' && s[0] != 0x7f
	}
	r, n := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && n == 1 {
		return BrokenLen(s), false
	}
	return n, r > 0x9f && r&0xffff < 0xfffe && (r < 0xfdd0 || r > 0xfdef)
}
