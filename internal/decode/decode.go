// Package decode turns a raw record of the kernel into an [event.Record]: bounds-checked, without a copy.
package decode

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// ErrShort: the record ends before what it says it holds.
var ErrShort = errors.New("record is too short")

// errRow: the kernel's side and this one have different tables.
func errRow(index int) error { return fmt.Errorf("the table of system calls has no row %d", index) }

// Decoder turns records into events. Not safe for several goroutines at once.
type Decoder struct {
	// Clock gives events their wall-clock time.
	Clock *event.Clock
	// KeepRaw: events have their record as Raw.
	KeepRaw bool

	ancestors [bpfgen.SensorLimitsANCESTORS_MAX]event.Ancestor
	// What absolute made of the caller's path string, and of the one that it had become.
	given, atExit pathBuffer
	// calls is made with the first call of the table.
	calls *calls
	// callerInfo is the latest record's.
	callerInfo event.Caller
}

// Decode fills rec from raw, whose first byte must be aligned to 8. The texts of rec alias raw and the decoder: they
// are valid until the next call and as long as raw is. What it can't read is an error, and rec is then undefined.
func (d *Decoder) Decode(raw []byte, rec *event.Record) error {
	h, err := as[bpfgen.SensorRecordHeader](raw)
	if err != nil {
		return err
	}
	if int(h.Size) != len(raw) {
		return fmt.Errorf("%w: %d bytes, of which %d arrived", ErrShort, h.Size, len(raw))
	}
	d.header(h, rec)
	if d.KeepRaw {
		rec.Event.Raw = raw
	}
	if has(h.Flags, bpfgen.SensorRecordFlagsFLAG_CALLER) {
		if raw, err = d.caller(raw, rec); err != nil {
			return err
		}
	}
	switch bpfgen.SensorRecordType(h.Type) {
	case bpfgen.SensorRecordTypeRECORD_EXEC:
		rec.Kind = event.KindExec
		return d.exec(raw, rec)
	case bpfgen.SensorRecordTypeRECORD_TASK:
		rec.Kind = event.KindTask
		return d.exec(raw, rec)
	case bpfgen.SensorRecordTypeRECORD_FORK:
		return d.fork(raw, rec)
	case bpfgen.SensorRecordTypeRECORD_EXIT:
		return d.exit(raw, rec)
	case bpfgen.SensorRecordTypeRECORD_OPEN:
		return d.open(raw, rec)
	case bpfgen.SensorRecordTypeRECORD_EXEC_FAILED:
		return d.execFailed(raw, rec)
	case bpfgen.SensorRecordTypeRECORD_IO_URING_SETUP:
		return uring(raw, rec)
	case bpfgen.SensorRecordTypeRECORD_CALL:
		return d.call(raw, rec)
	case bpfgen.SensorRecordTypeRECORD_CGROUP_MKDIR:
		rec.Kind = event.KindCgroupMade
		return cgroup(raw, rec)
	case bpfgen.SensorRecordTypeRECORD_CGROUP_RMDIR:
		rec.Kind = event.KindCgroupRemoved
		return cgroup(raw, rec)
	case bpfgen.SensorRecordTypeRECORD_CANARY:
		return canary(raw, rec)
	case bpfgen.SensorRecordTypeRECORD_SIGNAL:
		return signal(raw, rec)
	default:
		return fmt.Errorf("record type %d is unknown", h.Type)
	}
}

func (d *Decoder) header(h *bpfgen.SensorRecordHeader, rec *event.Record) {
	rec.Kind = event.KindNone
	rec.Seq, rec.CPU = h.Seq, h.Cpu
	rec.Ppid, rec.EUID, rec.EGID = int32(h.Ppid), h.Euid, h.Egid
	rec.Args, rec.Env, rec.Ancestors = "", "", nil
	rec.ParentStart, rec.ImageCgroup = 0, h.CgroupId
	rec.Cgroup = event.Cgroup{}
	rec.Canary, rec.Signal = 0, event.Signal{}
	rec.Event = event.Event{
		Time:       d.Clock.Wall(h.Time),
		Boot:       h.Time,
		Clock:      d.Clock,
		CPU:        h.Cpu,
		Generation: h.Generation,
		Flags:      flags(h.Flags),
		Tgid:       int32(h.Tgid),
		Tid:        int32(h.Tid),
		Vpid:       int32(h.Vpid),
		Vtid:       int32(h.Vtid),
		Key:        event.Key{Tgid: int32(h.Tgid), Start: h.StartTime},
		ExecID:     h.ExecId,
		CgroupID:   h.CgroupId,
		DirFD:      event.AtFDCWD,
	}
}

func (d *Decoder) exec(raw []byte, rec *event.Record) error {
	r, err := as[bpfgen.SensorExecRecord](raw)
	if err != nil {
		return err
	}
	t := texts{raw, unsafe.Sizeof(*r)}
	exePath, filename, interp := t.next(r.ExePathLen), t.next(r.FilenameLen), t.next(r.InterpLen)
	cwd := t.next(r.CwdLen)
	rec.Args, rec.Env = t.next(r.ArgsLen), t.next(r.EnvLen)
	if !t.ok() || r.AncestorsLen > uint32(len(d.ancestors)) {
		return ErrShort
	}
	ev := &rec.Event
	rec.Image = event.Process{
		Key:            ev.Key,
		ExecID:         ev.ExecID,
		Vpid:           ev.Vpid,
		Pgid:           int32(r.Pgid),
		Vpgid:          int32(r.Vpgid),
		Sid:            int32(r.Sid),
		Ppid:           rec.Ppid,
		Comm:           comm(&r.Comm),
		ExePath:        exePath,
		Filename:       filename,
		Interp:         interp,
		ArgsLen:        r.ArgsTotal,
		Cwd:            cwd,
		TTY:            r.Tty,
		LoginUID:       r.Loginuid,
		UID:            r.Uid,
		EUID:           rec.EUID,
		GID:            r.Gid,
		EGID:           rec.EGID,
		CapInheritable: r.CapInheritable,
		CapPermitted:   r.CapPermitted,
		CapEffective:   r.CapEffective,
		PidnsStart:     r.PidnsStart,
		FDLimit:        r.Fdlimit,
		ExeID:          fileID(&r.Exe),
		ExeMode:        r.Exe.Mode,
		ExeNlink:       r.Exe.Nlink,
		ExeLayer:       event.Layer(r.Exe.Layer),
		ExeMemfd:       has(r.H.Flags, bpfgen.SensorRecordFlagsFLAG_MEMFD),
		ExeWritable:    writable(r, rec),
		Flags:          ev.Flags,
		KernelThread:   has(r.H.Flags, bpfgen.SensorRecordFlagsFLAG_KERNEL_THREAD),
	}
	d.lineage(r, rec)
	if rec.Kind == event.KindExec {
		rec.Image.ExecTime = ev.Boot
		ev.Type = event.TypeExecve
		if bpfgen.SensorCall(r.Call) == bpfgen.SensorCallCALL_EXECVEAT {
			ev.Type = event.TypeExecveat
		}
		ev.Filename = filename
	}
	return nil
}

func (d *Decoder) lineage(r *bpfgen.SensorExecRecord, rec *event.Record) {
	n := int(r.AncestorsLen)
	for i := range n {
		a := &r.Ancestors[i]
		d.ancestors[i] = event.Ancestor{Key: event.Key{Tgid: int32(a.Tgid), Start: a.StartTime}, Comm: comm(&a.Comm)}
	}
	rec.Ancestors = d.ancestors[:n]
	if n > 0 {
		rec.ParentStart = d.ancestors[0].Key.Start
	}
}

func (d *Decoder) fork(raw []byte, rec *event.Record) error {
	r, err := as[bpfgen.SensorForkRecord](raw)
	if err != nil {
		return err
	}
	rec.Kind = event.KindFork
	rec.ParentStart, rec.ImageCgroup = r.ParentStartTime, r.CgroupId
	rec.Image = event.Process{
		Key:        event.Key{Tgid: int32(r.Tgid), Start: r.StartTime},
		ExecID:     r.ExecId,
		Vpid:       int32(r.Vpid),
		Pgid:       int32(r.Pgid),
		Vpgid:      int32(r.Vpgid),
		Sid:        int32(r.Sid),
		Ppid:       int32(r.Ppid),
		Comm:       comm(&r.Comm),
		EUID:       r.Euid,
		EGID:       r.Egid,
		PidnsStart: r.PidnsStart,
	}
	return nil
}

func (d *Decoder) exit(raw []byte, rec *event.Record) error {
	r, err := as[bpfgen.SensorExitRecord](raw)
	if err != nil {
		return err
	}
	rec.Kind = event.KindExit
	rec.Event.Type = event.TypeProcexit
	code := int32(r.Code)
	// wait(2): the low seven bits are the signal, the eighth says core dumped, the next byte is the exit code.
	rec.Event.Exit = event.Exit{Code: code, Ret: code >> 8 & 0xff, Sig: code & 0x7f, Core: code&0x80 != 0, Reaper: int32(r.Reaper)}
	return nil
}

func (d *Decoder) open(raw []byte, rec *event.Record) error {
	r, err := as[bpfgen.SensorOpenRecord](raw)
	if err != nil {
		return err
	}
	t := texts{raw, unsafe.Sizeof(*r)}
	name, atExit, dir, path := t.next(r.RawLen), t.next(r.ExitRawLen), t.next(r.DirLen), t.next(r.PathLen)
	hidden := t.next(r.HiddenLen)
	if !t.ok() || r.MountLen > r.PathLen {
		return ErrShort
	}
	rec.Kind = event.KindOpen
	ev := &rec.Event
	ev.Type = callType(r.Call)
	ev.Ret, ev.DirFD = r.Ret, r.Dirfd
	if r.Dirfd != event.AtFDCWD {
		ev.Dir, ev.DirMode = dir, r.DirMode
	}
	ev.File = event.File{
		Present:   true,
		FD:        r.Ret,
		Raw:       name,
		Resolved:  path,
		FS:        fsPath(&r.H, hidden, path, r.MountLen),
		OpenFlags: genericOpenFlags(r.OpenFlags),
		Mode:      openMode(r.OpenFlags, r.OpenMode),
		Resolve:   r.Resolve,
		ID:        fileID(&r.File),
		InodeMode: r.File.Mode,
		Nlink:     r.File.Nlink,
		Layer:     event.Layer(r.File.Layer),
		Created:   has(r.H.Flags, bpfgen.SensorRecordFlagsFLAG_CREATED),
	}
	if ev.Type != event.TypeOpenByHandleAt { // which has a directory, but no name in it
		ev.File.Given = d.givenName(&r.H, dir, name)
	}
	if name == "" && r.Ret >= 0 {
		// open_by_handle_at has no name but the file's own; that of an open by io_uring may have been lost.
		ev.File.Given = path
	}
	ev.File.AtExit = d.exitName(&r.H, dir, atExit)
	if r.Ret < 0 && !has(r.H.Flags, bpfgen.SensorRecordFlagsFLAG_IO_URING) {
		ev.Flags |= event.FlagUnverified // the name of a ring's request is the kernel's own
	}
	return nil
}

func (d *Decoder) execFailed(raw []byte, rec *event.Record) error {
	r, err := as[bpfgen.SensorExecFailedRecord](raw)
	if err != nil {
		return err
	}
	t := texts{raw, unsafe.Sizeof(*r)}
	name, atExit, dir := t.next(r.RawLen), t.next(r.ExitRawLen), t.next(r.DirLen)
	if !t.ok() {
		return ErrShort
	}
	rec.Kind = event.KindExecFailed
	ev := &rec.Event
	ev.Type = callType(r.Call)
	ev.Ret, ev.DirFD = r.Ret, r.Dirfd
	ev.Flags |= event.FlagUnverified
	ev.Filename = d.givenName(&r.H, dir, name)
	ev.FilenameAtExit = d.exitName(&r.H, dir, atExit)
	return nil
}

func uring(raw []byte, rec *event.Record) error {
	r, err := as[bpfgen.SensorIoUringSetupRecord](raw)
	if err != nil {
		return err
	}
	rec.Kind = event.KindUring
	rec.Event.Type = event.TypeIoUringSetup
	rec.Event.Ret = r.Ret
	rec.Event.Uring = event.Uring{
		SQEntries: r.SqEntries, CQEntries: r.CqEntries, Flags: r.SetupFlags, Known: r.HasParams != 0,
		Entries: r.Entries, ThreadCPU: r.SqThreadCpu, ThreadIdle: r.SqThreadIdle, Features: r.Features,
	}
	return nil
}

// fsPath is a file's place in its file system: the last mountLen bytes of its path, below what is hidden.
func fsPath(h *bpfgen.SensorRecordHeader, hidden, path string, mountLen uint32) event.FSPath {
	if !has(h.Flags, bpfgen.SensorRecordFlagsFLAG_FS_PATH) {
		return event.FSPath{}
	}
	return event.FSPath{Known: true, Hidden: hidden, Shown: path[len(path)-int(mountLen):]}
}

// givenName is the absolute name of what the caller named; empty if its text could not be read.
func (d *Decoder) givenName(h *bpfgen.SensorRecordHeader, dir, name string) string {
	if name == "" && has(h.Flags, bpfgen.SensorRecordFlagsFLAG_RAW_TRUNCATED) {
		return ""
	}
	return absolute(&d.given, dir, name)
}

// exitName is the absolute name of what the caller's string had become at the end of the call; empty if that is the same.
func (d *Decoder) exitName(h *bpfgen.SensorRecordHeader, dir, name string) string {
	if !has(h.Flags, bpfgen.SensorRecordFlagsFLAG_NAME_CHANGED) {
		return ""
	}
	return absolute(&d.atExit, dir, name)
}

func cgroup(raw []byte, rec *event.Record) error {
	r, err := as[bpfgen.SensorCgroupRecord](raw)
	if err != nil {
		return err
	}
	t := texts{raw, unsafe.Sizeof(*r)}
	rec.Cgroup = event.Cgroup{ID: r.Id, Path: t.next(r.PathLen)}
	if !t.ok() {
		return ErrShort
	}
	return nil
}

func canary(raw []byte, rec *event.Record) error {
	r, err := as[bpfgen.SensorCanaryRecord](raw)
	if err != nil {
		return err
	}
	rec.Kind, rec.Canary = event.KindCanary, r.Number
	return nil
}

func signal(raw []byte, rec *event.Record) error {
	r, err := as[bpfgen.SensorSignalRecord](raw)
	if err != nil {
		return err
	}
	rec.Kind = event.KindSignal
	rec.Signal = event.Signal{Number: int32(r.Number),
		Ptrace: bpfgen.SensorSignalOrigin(r.Origin) == bpfgen.SensorSignalOriginSIGNAL_PTRACE}
	return nil
}
