package hostile

import (
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/ia32"

	"golang.org/x/sys/unix"
)

const (
	mapLow      = unix.MAP_32BIT
	tinyMachine = 62 // EM_X86_64
	// x32 is the bit of x32 system calls; a kernel without them answers ENOSYS.
	x32 = 0x40000000
)

// tinyCode: mov $200,%edi; mov $231,%eax (exit_group); syscall.
var tinyCode = []byte{0xbf, 200, 0, 0, 0, 0xb8, 231, 0, 0, 0, 0x0f, 0x05}

// native are the numbers of the calls, compat those of i386's table.
var (
	native = map[event.Type]uintptr{
		event.TypeOpen: unix.SYS_OPEN, event.TypeOpenat: unix.SYS_OPENAT, event.TypeOpenat2: unix.SYS_OPENAT2, event.TypeCreat: unix.SYS_CREAT,
		event.TypeOpenByHandleAt: unix.SYS_OPEN_BY_HANDLE_AT, event.TypeExecve: unix.SYS_EXECVE, event.TypeExecveat: unix.SYS_EXECVEAT,
	}
	compat = map[event.Type]uintptr{
		event.TypeOpen: 5, event.TypeOpenat: 295, event.TypeOpenat2: 437, event.TypeCreat: 8, event.TypeOpenByHandleAt: 342, event.TypeExecve: 11,
		event.TypeExecveat: 358,
	}
)

func int80(nr uintptr, a [5]uintptr) int64 { return int64(ia32.Int80(nr, a[0], a[1], a[2], a[3])) }
