package field

import (
	"cmp"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// param is one parameter of an event, in the order and with the name that Falco's event table gives it.
type param struct {
	name   string
	typ    Type
	format Format
	// get fills v with the value as the kernel gave it; nil for what is never known.
	get func(ev *event.Event, v *Value) bool
	// meaning is what the value in v stands for, empty if there is nothing to add; may be nil.
	meaning func(ev *event.Event, v *Value) string
}

// raw yields the value. Without one, v.Str is what stands for
// it in texts, if that is not <NA>.
func (p *param) raw(ev *event.Event, v *Value) bool {
	v.Str = ""
	if p.get == nil || !p.get(ev, v) {
		return false
	}
	return true
}

// resolved yields the meaning, or else the value as text.
func (p *param) resolved(ev *event.Event, v *Value) bool {
	if !p.raw(ev, v) {
		return v.Str != ""
	}
	if p.meaning != nil {
		if m := p.meaning(ev, v); m != "" {
			v.Str = m
			return true
		}
	}
	if p.typ.Group() != Text {
		v.Str = string(p.appendRaw(nil, v))
	}
	return true
}

func (p *param) appendRaw(dst []byte, v *Value) []byte {
	switch {
	case p.typ.Group() == Text:
		return append(dst, v.Str...)
	case p.typ == ByteBuf:
		return append(dst, dots(v.Str)...)
	case p.typ == AbsTime:
		return time.Unix(0, v.Num).AppendFormat(dst, "2006-01-02 15:04:05.000000000 -0700")
	case (p.typ == UID || p.typ == GID) && v.Num == unsetID:
		return append(dst, "-1"...)
	case isFlags(p.typ):
		return strconv.AppendInt(dst, v.Num, 10)
	}
	// Falco shows a number without a sign as one with a sign of the same size.
	signed, unsigned := v.Num, uint64(v.Num)
	switch p.typ {
	case Int8, Uint8:
		signed, unsigned = int64(int8(v.Num)), uint64(uint8(v.Num))
	case Int16, Uint16:
		signed, unsigned = int64(int16(v.Num)), uint64(uint16(v.Num))
	case Int32, Uint32, Mode:
		signed, unsigned = int64(int32(v.Num)), uint64(uint32(v.Num))
	}
	switch {
	case p.format == Oct && unsigned != 0:
		return strconv.AppendUint(append(dst, '0'), unsigned, 8)
	case p.format == Hex:
		return appendHex(dst, int64(unsigned))
	}
	return strconv.AppendInt(dst, signed, 10)
}

// isFlags: their numbers print in decimal whatever their format says.
func isFlags(t Type) bool { return t >= Flags8 && t <= EnumFlags32 }

// unsetID is a user or group id that was never set: 4294967295.
const unsetID = int64(^uint32(0))

// params are the parameters of the captured events.
type params struct {
	// table are those of the calls with a row, generic those of the calls without one.
	table   map[event.Type][]param
	generic []param
	// captured are those of the events of captures.
	captured map[event.Type][]param

	open, openat, openat2, creat, byHandle, execve, execveat, exit, uring []param
}

func (ps *params) of(t event.Type) []param {
	switch t {
	case event.TypeOpen:
		return ps.open
	case event.TypeOpenat:
		return ps.openat
	case event.TypeOpenat2:
		return ps.openat2
	case event.TypeCreat:
		return ps.creat
	case event.TypeOpenByHandleAt:
		return ps.byHandle
	case event.TypeExecve:
		return ps.execve
	case event.TypeExecveat:
		return ps.execveat
	case event.TypeProcexit:
		return ps.exit
	case event.TypeIoUringSetup:
		return ps.uring
	}
	if list, ok := ps.table[t]; ok {
		return list
	}
	if t.Captured() {
		return ps.generic
	}
	return nil
}

// named are the parameters that a number or a name stands for.
func (ps *params) named(a Arg) choice {
	return choice{chosen(a, ps.of), chosen(a, func(t event.Type) []param { return ps.captured[t] })}
}

// chosen are the parameters that a number or a name stands for, by event type; nil where a type has none.
func chosen(a Arg, of func(event.Type) []param) []*param {
	types := event.AllTypes()
	byType := make([]*param, len(types)+1)
	for _, t := range types {
		list := of(t)
		for i := range list {
			if i == a.Index || a.Index < 0 && list[i].name == a.Text {
				byType[t] = &list[i]
				break
			}
		}
	}
	return byType
}

func newParams(rows []call.Row) *params {
	open, creat, exe, resolve := newFlagTexts(openNames, "|"), newFlagTexts(creatNames, "|"), newFlagTexts(exeNames, "|"),
		newFlagTexts(resolveNames, "|")
	var (
		fd       = param{"fd", FD, Dec, num(func(ev *event.Event) int64 { return ev.Ret }), fdMeaning}
		dirfd    = param{"dirfd", FD, Dec, num(func(ev *event.Event) int64 { return int64(ev.DirFD) }), dirMeaning}
		mountfd  = param{"mountfd", FD, Dec, dirfd.get, dirMeaning}
		name     = param{"name", FSPath, Plain, str(func(ev *event.Event) string { return ev.File.Raw }), givenMeaning}
		relName  = param{"name", FSRelPath, Plain, name.get, givenMeaning}
		path     = param{"path", FSPath, Plain, fileName, nil}
		flags    = param{"flags", Flags32, Hex, num(func(ev *event.Event) int64 { return int64(openFlags(ev)) }), named(open)}
		creatf   = param{"creat_flags", Flags16, Hex, num(creatFlags), named(creat)}
		resolvef = param{"resolve", Flags32, Hex, num(resolveFlags), named(resolve)}
		mode     = param{"mode", Uint32, Oct, num(func(ev *event.Event) int64 { return int64(ev.File.Mode) }), nil}
		dev      = param{"dev", Uint32, Hex, num(func(ev *event.Event) int64 { return userDev(ev.File.ID.Dev) }), nil}
		ino      = param{"ino", Uint64, Dec, num(func(ev *event.Event) int64 { return int64(ev.File.ID.Ino) }), nil}
	)
	execveat := execParams(exe)
	execve := append(execveat[:len(execveat):len(execveat)],
		param{"filename", FSPath, Plain, str(func(ev *event.Event) string { return ev.Filename }), absMeaning})
	ps := &params{
		table:    tableParams(rows),
		generic:  genericParams(),
		open:     []param{fd, name, flags, mode, dev, ino},
		openat:   []param{fd, dirfd, relName, flags, mode, dev, ino},
		openat2:  []param{fd, dirfd, relName, flags, mode, resolvef, dev, ino},
		creat:    []param{fd, name, mode, dev, ino, creatf},
		byHandle: []param{fd, mountfd, flags, path, dev, ino},
		execve:   execve,
		execveat: execveat,
		uring:    uringParams(),
		exit: []param{
			{"status", Errno, Dec, num(func(ev *event.Event) int64 { return int64(ev.Exit.Code) }), errnoMeaning},
			{"ret", Errno, Dec, num(func(ev *event.Event) int64 { return int64(ev.Exit.Ret) }), errnoMeaning},
			{"sig", SigType, Dec, num(func(ev *event.Event) int64 { return int64(ev.Exit.Sig) }), signalMeaning},
			{"core", Uint8, Dec, num(func(ev *event.Event) int64 {
				if ev.Exit.Core {
					return 1
				}
				return 0
			}), nil},
			{"reaper_tid", PID, Dec, num(func(ev *event.Event) int64 { return int64(ev.Exit.Reaper) }), reaperMeaning},
		},
	}
	ps.captured = captured(ps, rows)
	return ps
}

// execParams are those that execve and execveat share.
func execParams(exe *flagTexts) []param {
	p := func(get func(*event.Process) int64) func(*event.Event, *Value) bool {
		return func(ev *event.Event, v *Value) bool {
			if ev.Process == nil {
				return false
			}
			v.Num = get(ev.Process)
			return true
		}
	}
	s := func(get func(*event.Process) string) func(*event.Event, *Value) bool {
		return func(ev *event.Event, v *Value) bool {
			if ev.Process == nil {
				return false
			}
			v.Str = cmp.Or(get(ev.Process), na)
			return true
		}
	}
	return []param{
		{"res", Errno, Dec, num(func(ev *event.Event) int64 { return ev.Ret }), errnoMeaning},
		{"exe", CharBuf, Plain, s(func(p *event.Process) string { return p.Exe }), nil},
		{"args", ByteBuf, Plain, list(func(p *event.Process) []string { return p.ArgList }), nil},
		{"tid", PID, Dec, num(func(ev *event.Event) int64 { return int64(ev.Tid) }), commMeaning},
		{"pid", PID, Dec, num(func(ev *event.Event) int64 { return int64(ev.Tgid) }), commMeaning},
		{"ptid", PID, Dec, p(func(p *event.Process) int64 { return int64(p.Ppid) }), commMeaning},
		{"cwd", CharBuf, Plain, cwdParam, nil},
		{"fdlimit", Uint64, Dec, fdLimit, nil},
		{"pgft_maj", Uint64, Dec, ofCaller("pgft_maj"), nil},
		{"pgft_min", Uint64, Dec, ofCaller("pgft_min"), nil},
		{"vm_size", Uint32, Dec, ofCaller("vm_size"), nil},
		{"vm_rss", Uint32, Dec, ofCaller("vm_rss"), nil},
		{"vm_swap", Uint32, Dec, ofCaller("vm_swap"), nil},
		{"comm", CharBuf, Plain, s(func(p *event.Process) string { return p.Comm }), nil},
		{"cgroups", ByteBuf, Plain, cgroupsParam, nil},
		{"env", ByteBuf, Plain, list(func(p *event.Process) []string { return p.Env }), nil},
		{"tty", Uint32, Dec, p(func(p *event.Process) int64 { return int64(p.TTY) }), nil},
		{"vpgid", PID, Dec, p(func(p *event.Process) int64 { return int64(p.Vpgid) }), nil},
		{"loginuid", UID, Dec, p(func(p *event.Process) int64 { return int64(p.LoginUID) }), userMeaning},
		{"flags", Flags32, Hex, p(exeFlags), named(exe)},
		{"cap_inheritable", Uint64, Hex, p(func(p *event.Process) int64 { return int64(p.CapInheritable) }), nil},
		{"cap_permitted", Uint64, Hex, p(func(p *event.Process) int64 { return int64(p.CapPermitted) }), nil},
		{"cap_effective", Uint64, Hex, p(func(p *event.Process) int64 { return int64(p.CapEffective) }), nil},
		{"exe_ino", Uint64, Dec, p(func(p *event.Process) int64 { return int64(p.ExeID.Ino) }), nil},
		{"exe_ino_ctime", AbsTime, Dec, p(func(p *event.Process) int64 { return p.ExeID.Ctime }), nil},
		{"exe_ino_mtime", AbsTime, Dec, p(func(p *event.Process) int64 { return p.ExeID.Mtime }), nil},
		{"uid", UID, Dec, p(func(p *event.Process) int64 { return int64(p.EUID) }), userMeaning},
		{"trusted_exepath", FSPath, Plain, s(func(p *event.Process) string { return p.ExePath }), nil},
		{"pgid", PID, Plain, p(func(p *event.Process) int64 { return int64(p.Pgid) }), commMeaning},
		{"gid", GID, Dec, p(func(p *event.Process) int64 { return int64(p.EGID) }), groupMeaning},
	}
}

// fdLimit is missing for a process that /proc told of.
func fdLimit(ev *event.Event, v *Value) bool {
	if ev.Process == nil {
		return false
	}
	v.Num = int64(ev.Process.FDLimit)
	return v.Num != 0
}

func num(get func(*event.Event) int64) func(*event.Event, *Value) bool {
	return func(ev *event.Event, v *Value) bool {
		v.Num = get(ev)
		return true
	}
}

func str(get func(*event.Event) string) func(*event.Event, *Value) bool {
	return func(ev *event.Event, v *Value) bool {
		v.Str = cmp.Or(get(ev), na)
		return true
	}
}

// list joins texts as the kernel lays them out, each ended by a NUL.
func list(get func(*event.Process) []string) func(*event.Event, *Value) bool {
	return func(ev *event.Event, v *Value) bool {
		if ev.Process == nil || len(get(ev.Process)) == 0 {
			return false
		}
		v.Str = strings.Join(get(ev.Process), "\x00") + "\x00"
		return true
	}
}

func named(names *flagTexts) func(*event.Event, *Value) string {
	return func(_ *event.Event, v *Value) string { return names.text(uint64(v.Num)) }
}

func fdMeaning(ev *event.Event, v *Value) string {
	if v.Num < 0 {
		return errnoName(v.Num)
	}
	var name, char Value
	if !fileName(ev, &name) || !fileTypeChar(ev, &char) {
		return ""
	}
	return "<" + char.Str + ">" + name.Str
}

// dirMeaning is what a directory descriptor stands for.
func dirMeaning(ev *event.Event, v *Value) string {
	switch {
	case v.Num == event.AtFDCWD:
		return "AT_FDCWD"
	case ev.Dir == "":
		return ""
	case ev.DirMode&unix.S_IFMT == unix.S_IFDIR:
		return "<d>" + ev.Dir
	}
	return "<f>" + ev.Dir
}

// givenMeaning is the absolute path, unless the caller gave it so.
func givenMeaning(ev *event.Event, _ *Value) string {
	if ev.File.Given == ev.File.Raw {
		return ""
	}
	return ev.File.Given
}

func absMeaning(ev *event.Event, v *Value) string {
	if v.Str == na || ev.Process == nil {
		return ""
	}
	full := v.Str
	if !path.IsAbs(full) {
		if ev.Process.Cwd == "" {
			return ""
		}
		full = ev.Process.Cwd + "/" + full
	}
	if full = path.Clean(full); full == v.Str {
		return ""
	}
	return full
}

func errnoMeaning(_ *event.Event, v *Value) string { return errnoName(v.Num) }

func signalMeaning(_ *event.Event, v *Value) string {
	if v.Num <= 0 {
		return ""
	}
	return unix.SignalName(unix.Signal(v.Num))
}

// commMeaning names a process if it is the caller or one of its ancestors.
func commMeaning(ev *event.Event, v *Value) string {
	if v.Num == int64(ev.Tid) && ev.Process != nil {
		return ev.Process.Comm
	}
	if p := findPID(ev.Process, int32(v.Num)); p != nil {
		return p.Comm
	}
	return ""
}

// reaperMeaning: 0 is no process.
func reaperMeaning(ev *event.Event, v *Value) string {
	if v.Num == 0 {
		return ""
	}
	return commMeaning(ev, v)
}

func userMeaning(ev *event.Event, v *Value) string {
	if v.Num == unsetID {
		return "<NONE>"
	}
	u, _ := ev.Accounts.User(uint32(v.Num))
	return u.Name
}

func groupMeaning(ev *event.Event, v *Value) string {
	if v.Num == unsetID {
		return "<NONE>"
	}
	name, _ := ev.Accounts.Group(uint32(v.Num))
	return name
}
