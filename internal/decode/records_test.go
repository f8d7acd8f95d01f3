package decode

import (
	"testing"
	"unsafe"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// aligned copies bytes to an address that is a multiple of 8, as the ring's are.
func aligned(b []byte) []byte {
	words := make([]uint64, (len(b)+7)/8+1)
	buf := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), len(b))
	copy(buf, b)
	return buf
}

// wire lays out a record: its fixed part, then the texts. It sets the header's size and type.
func wire[T any](fixed *T, h *bpfgen.SensorRecordHeader, typ bpfgen.SensorRecordType, texts ...string) []byte {
	size := int(unsafe.Sizeof(*fixed))
	for _, s := range texts {
		size += len(s)
	}
	h.Size, h.Type = uint32(size), uint8(typ)
	b := append(make([]byte, 0, size), unsafe.Slice((*byte)(unsafe.Pointer(fixed)), unsafe.Sizeof(*fixed))...)
	for _, s := range texts {
		b = append(b, s...)
	}
	return aligned(b)
}

// clock is that of the tests' decoder.
var clock = event.NewClock(bootTime)

const bootTime = 1_000_000

var header = bpfgen.SensorRecordHeader{
	Cpu: 3, Seq: 77, Time: 500, StartTime: 400, ExecId: 9, CgroupId: 4711,
	Tgid: 100, Tid: 101, Vpid: 10, Vtid: 11, Ppid: 50, Euid: 1000, Egid: 1001,
}

// headed is the event that the header says.
func headed(typ event.Type, flags event.Flags) event.Event {
	return event.Event{
		Time: bootTime + 500, Boot: 500, Clock: clock, Type: typ, CPU: 3, Flags: flags, Tgid: 100, Tid: 101, Vpid: 10, Vtid: 11,
		Key: event.Key{Tgid: 100, Start: 400}, ExecID: 9, CgroupID: 4711, DirFD: event.AtFDCWD,
	}
}

var inode = bpfgen.SensorInodeInfo{
	Ino: 5, Ctime: 6, Mtime: -7, Dev: 8<<20 | 1, Mode: 0o100644, Nlink: 2, Uid: 1000, Gid: 1001,
	Layer: uint32(bpfgen.SensorLayerLAYER_LOWER),
}

func chars(s string) (c [bpfgen.SensorLimitsCOMM_LEN]int8) {
	for i := range len(s) {
		c[i] = int8(s[i])
	}
	return c
}

// openRaw is an open's record; hidden, if any, is the one text with which the file's place in its file system begins.
func openRaw(change func(*bpfgen.SensorOpenRecord), raw, dir, path string, hidden ...string) []byte {
	r := &bpfgen.SensorOpenRecord{
		H: header, Ret: 5, Resolve: 8, File: inode, OpenFlags: 0o102, OpenMode: 0o640, Dirfd: event.AtFDCWD,
		Call: uint32(bpfgen.SensorCallCALL_OPENAT2), RawLen: uint32(len(raw)), DirLen: uint32(len(dir)), PathLen: uint32(len(path)),
	}
	for _, text := range hidden {
		r.HiddenLen += uint32(len(text))
	}
	if change != nil {
		change(r)
	}
	return wire(r, &r.H, bpfgen.SensorRecordTypeRECORD_OPEN, append([]string{raw, dir, path}, hidden...)...)
}

// inMount says of how much of the path's end lies below the file's mount.
func inMount(n uint32) func(*bpfgen.SensorOpenRecord) {
	return func(r *bpfgen.SensorOpenRecord) {
		r.H.Flags, r.MountLen = uint32(bpfgen.SensorRecordFlagsFLAG_FS_PATH), n
	}
}

func execRaw(typ bpfgen.SensorRecordType, change func(*bpfgen.SensorExecRecord)) []byte {
	texts := []string{"/bin/cat", "./cat", "/bin/sh", "/tmp", "cat\x00/etc/passwd\x00", "A=1\x00B=2\x00"}
	r := &bpfgen.SensorExecRecord{
		H: header, Exe: inode, CapInheritable: 1, CapPermitted: 2, CapEffective: 4, PidnsStart: 300, Fdlimit: 1024, Uid: 7, Gid: 8,
		Loginuid: 9, Tty: 34816,
		Sid: 60, Pgid: 61, Vpgid: 6, ArgsTotal: 100_000, EnvTotal: 5000, Call: uint32(bpfgen.SensorCallCALL_EXECVEAT), AncestorsLen: 2,
		Comm: chars("cat"), ExePathLen: 8, FilenameLen: 5, InterpLen: 7, CwdLen: 4, ArgsLen: 16, EnvLen: 8,
	}
	r.Ancestors[0].Tgid, r.Ancestors[0].StartTime, r.Ancestors[0].Comm = 50, 30, chars("sh")
	r.Ancestors[1].Tgid, r.Ancestors[1].StartTime, r.Ancestors[1].Comm = 1, 2, chars("a name of 16 ch.")
	if change != nil {
		change(r)
	}
	return wire(r, &r.H, typ, texts...)
}

func forkRaw() []byte {
	r := &bpfgen.SensorForkRecord{
		H: header, StartTime: 450, ExecId: 9, CgroupId: 4712, PidnsStart: 300, ParentStartTime: 350, Tgid: 200, Vpid: 20, Ppid: 51,
		Euid: 2000, Egid: 2001, Sid: 60, Pgid: 61, Vpgid: 6, Comm: chars("sh"),
	}
	return wire(r, &r.H, bpfgen.SensorRecordTypeRECORD_FORK)
}

func exitRaw(code uint32) []byte {
	r := &bpfgen.SensorExitRecord{H: header, Code: code, Reaper: 77}
	return wire(r, &r.H, bpfgen.SensorRecordTypeRECORD_EXIT)
}

func failedRaw(call bpfgen.SensorCall, flags bpfgen.SensorRecordFlags, raw, dir string) []byte {
	r := &bpfgen.SensorExecFailedRecord{
		H: header, Ret: -2, Dirfd: 6, Call: uint32(call), RawLen: uint32(len(raw)), DirLen: uint32(len(dir)),
	}
	r.H.Flags = uint32(flags)
	return wire(r, &r.H, bpfgen.SensorRecordTypeRECORD_EXEC_FAILED, raw, dir)
}

func uringRaw(change func(*bpfgen.SensorIoUringSetupRecord)) []byte {
	r := &bpfgen.SensorIoUringSetupRecord{
		H: header, Ret: 9, SqEntries: 8, CqEntries: 16, SetupFlags: 2, HasParams: 1, Entries: 5, SqThreadCpu: 3, SqThreadIdle: 1000,
		Features: 0x7ff,
	}
	if change != nil {
		change(r)
	}
	return wire(r, &r.H, bpfgen.SensorRecordTypeRECORD_IO_URING_SETUP)
}

func cgroupRaw(typ bpfgen.SensorRecordType, path string) []byte {
	r := &bpfgen.SensorCgroupRecord{H: header, Id: 4713, PathLen: uint32(len(path))}
	return wire(r, &r.H, typ, path)
}

func canaryRaw(number uint64) []byte {
	r := &bpfgen.SensorCanaryRecord{H: header, Number: number}
	return wire(r, &r.H, bpfgen.SensorRecordTypeRECORD_CANARY)
}

func signalRaw(number uint32, origin bpfgen.SensorSignalOrigin) []byte {
	r := &bpfgen.SensorSignalRecord{H: header, Number: number, Origin: uint32(origin)}
	return wire(r, &r.H, bpfgen.SensorRecordTypeRECORD_SIGNAL)
}

// samples are one record of each kind.
func samples() map[string][]byte {
	return map[string][]byte{
		"open":            openRaw(nil, "../file", "/dir", "/file"),
		"open in a mount": openRaw(inMount(5), "/mnt/file", "", "/mnt/file", "/srv"),
		"exec":            execRaw(bpfgen.SensorRecordTypeRECORD_EXEC, nil),
		"task":            execRaw(bpfgen.SensorRecordTypeRECORD_TASK, nil),
		"fork":            forkRaw(),
		"exit":            exitRaw(1 << 8),
		"failed exec":     failedRaw(bpfgen.SensorCallCALL_EXECVE, 0, "/absent", ""),
		"io_uring setup":  uringRaw(nil),
		"cgroup made":     cgroupRaw(bpfgen.SensorRecordTypeRECORD_CGROUP_MKDIR, "/pod/1"),
		"cgroup removed":  cgroupRaw(bpfgen.SensorRecordTypeRECORD_CGROUP_RMDIR, "/pod/1"),
		"canary":          canaryRaw(1),
		"signal":          signalRaw(9, bpfgen.SensorSignalOriginSIGNAL_SENT),
		"rename":          renameRaw(),
		"connect":         connectRaw(),
		"fchmod":          fchmodRaw(),
	}
}

func decoded(t *testing.T, raw []byte) *event.Record {
	t.Helper()
	rec := &event.Record{Args: "of the record before", Event: event.Event{Filename: "of the record before"}}
	d := &Decoder{Clock: clock}
	if err := d.Decode(raw, rec); err != nil {
		t.Fatal(err)
	}
	return rec
}
