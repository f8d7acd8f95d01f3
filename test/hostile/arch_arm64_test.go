package hostile

import (
	"github.com/saker-sensor/saker/internal/event"

	"golang.org/x/sys/unix"
)

const (
	mapLow      = 0
	tinyMachine = 183 // EM_AARCH64
	x32         = 0
)

// tinyCode: mov x0, #200; mov x8, #94 (exit_group); svc #0.
var tinyCode = []byte{0x00, 0x19, 0x80, 0xd2, 0xc8, 0x0b, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4}

var (
	native = map[event.Type]uintptr{
		event.TypeOpenat: unix.SYS_OPENAT, event.TypeOpenat2: unix.SYS_OPENAT2, event.TypeOpenByHandleAt: unix.SYS_OPEN_BY_HANDLE_AT,
		event.TypeExecve: unix.SYS_EXECVE, event.TypeExecveat: unix.SYS_EXECVEAT,
	}
	compat map[event.Type]uintptr
)

func int80(uintptr, [5]uintptr) int64 { panic("there is no such entry") }
