package decode

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// as views the start of raw as a record's fixed part.
func as[T any](raw []byte) (*T, error) {
	var t T
	if uintptr(len(raw)) < unsafe.Sizeof(t) {
		return nil, ErrShort
	}
	return (*T)(unsafe.Pointer(unsafe.SliceData(raw))), nil
}

// texts hands out the texts behind a fixed part, one after the other.
type texts struct {
	raw []byte
	off uintptr
}

// next returns the next n bytes; past the end it returns "" and ok becomes false.
func (t *texts) next(n uint32) string {
	end := t.off + uintptr(n)
	start := t.off
	t.off = end
	if n == 0 || end > uintptr(len(t.raw)) {
		return ""
	}
	return unsafe.String(&t.raw[start], int(n))
}

func (t *texts) ok() bool { return t.off <= uintptr(len(t.raw)) }

// comm is a NUL-terminated name in a fixed array.
func comm(c *[bpfgen.SensorLimitsCOMM_LEN]int8) string {
	n := 0
	for n < len(c) && c[n] != 0 {
		n++
	}
	if n == 0 {
		return ""
	}
	return unsafe.String((*byte)(unsafe.Pointer(&c[0])), n)
}

func has(flags uint32, f bpfgen.SensorRecordFlags) bool { return flags&uint32(f) != 0 }

// flags translates the wire's flags to the event's.
func flags(wire uint32) event.Flags {
	var f event.Flags
	for _, m := range [...]struct {
		wire  bpfgen.SensorRecordFlags
		event event.Flags
	}{
		{bpfgen.SensorRecordFlagsFLAG_PATH_TRUNCATED, event.FlagPathTruncated},
		{bpfgen.SensorRecordFlagsFLAG_DIR_TRUNCATED, event.FlagDirTruncated},
		{bpfgen.SensorRecordFlagsFLAG_RAW_TRUNCATED, event.FlagRawTruncated},
		{bpfgen.SensorRecordFlagsFLAG_ARGS_TRUNCATED, event.FlagArgsTruncated},
		{bpfgen.SensorRecordFlagsFLAG_ENV_TRUNCATED, event.FlagEnvTruncated},
		{bpfgen.SensorRecordFlagsFLAG_COMPAT, event.FlagCompat},
		{bpfgen.SensorRecordFlagsFLAG_OUTSIDE_ROOT, event.FlagOutsideRoot},
		{bpfgen.SensorRecordFlagsFLAG_FILE_GONE, event.FlagUnverified},
		{bpfgen.SensorRecordFlagsFLAG_NO_RESULT, event.FlagUnverified},
		{bpfgen.SensorRecordFlagsFLAG_IO_URING, event.FlagIoUring},
		{bpfgen.SensorRecordFlagsFLAG_NAME_CHANGED, event.FlagNameChanged},
	} {
		if has(wire, m.wire) {
			f |= m.event
		}
	}
	return f
}

func callType(call uint32) event.Type {
	switch bpfgen.SensorCall(call) {
	case bpfgen.SensorCallCALL_OPEN:
		return event.TypeOpen
	case bpfgen.SensorCallCALL_OPENAT:
		return event.TypeOpenat
	case bpfgen.SensorCallCALL_OPENAT2:
		return event.TypeOpenat2
	case bpfgen.SensorCallCALL_CREAT:
		return event.TypeCreat
	case bpfgen.SensorCallCALL_OPEN_BY_HANDLE_AT:
		return event.TypeOpenByHandleAt
	case bpfgen.SensorCallCALL_EXECVE:
		return event.TypeExecve
	case bpfgen.SensorCallCALL_EXECVEAT:
		return event.TypeExecveat
	}
	return event.TypeUnknown
}

func fileID(i *bpfgen.SensorInodeInfo) event.FileID {
	return event.FileID{Dev: i.Dev, Ino: i.Ino, Ctime: i.Ctime, Mtime: i.Mtime}
}

// capDACOverride lets a process write any file (linux/capability.h).
const capDACOverride = 1 << 1

// writable tells whether the process may write the file that it runs, as Falco's EXE_WRITABLE. Supplementary groups
// are not looked at.
func writable(r *bpfgen.SensorExecRecord, rec *event.Record) bool {
	const ownerWrite, groupWrite, otherWrite = 0o200, 0o020, 0o002
	switch {
	case r.CapEffective&capDACOverride != 0:
		return true
	case rec.EUID == r.Exe.Uid:
		return r.Exe.Mode&ownerWrite != 0
	case rec.EGID == r.Exe.Gid:
		return r.Exe.Mode&groupWrite != 0
	default:
		return r.Exe.Mode&otherWrite != 0
	}
}

// openMode is the mode of an open that may make a file. Without O_CREAT and O_TMPFILE the caller need not have set one, and the
// kernel does not look at it (open(2)).
func openMode(flags, mode uint32) uint32 {
	const tmpfile = 0o20000000 // __O_TMPFILE, asm-generic/fcntl.h
	if flags&(unix.O_CREAT|tmpfile) == 0 {
		return 0
	}
	return mode
}
