package probe

import (
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// The 32-bit numbers are i386's (arch/x86/entry/syscalls/syscall_32.tbl).
var calls = []call{
	{event.TypeOpen, bpfgen.SensorCallCALL_OPEN, unix.SYS_OPEN, 5},
	{event.TypeOpenat, bpfgen.SensorCallCALL_OPENAT, unix.SYS_OPENAT, 295},
	{event.TypeOpenat2, bpfgen.SensorCallCALL_OPENAT2, unix.SYS_OPENAT2, 437},
	{event.TypeCreat, bpfgen.SensorCallCALL_CREAT, unix.SYS_CREAT, 8},
	{event.TypeOpenByHandleAt, bpfgen.SensorCallCALL_OPEN_BY_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT, 342},
	{event.TypeExecve, bpfgen.SensorCallCALL_EXECVE, unix.SYS_EXECVE, 11},
	{event.TypeExecveat, bpfgen.SensorCallCALL_EXECVEAT, unix.SYS_EXECVEAT, 358},
}
