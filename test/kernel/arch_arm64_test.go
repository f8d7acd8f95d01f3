package kernel

import (
	"golang.org/x/sys/unix"

	calltable "github.com/saker-sensor/saker/internal/call"
)

var archTriggers = map[string]func(args []string) (any, error){}

const mapLow = 0

// forkNumber is that of fork, 0 if there is none.
const forkNumber = 0

// archCall would make a call by another entry; there is none.
var archCall func(name string, path uintptr) (callFacts, error)

// compatNumbers would be the numbers of the calls that only 32-bit callers have.
func compatNumbers(*calltable.Table) map[string]uintptr { return nil }

var int80Call func(nr, a, b, c, d, e, f uintptr) (r1, r2 uintptr, err unix.Errno)

// genericFlags are open flags with the numbers of asm-generic/fcntl.h, which events show: arm64 gives four of them others
// (arch/arm64/include/uapi/asm/fcntl.h).
func genericFlags(flags int) uint32 {
	const largefile = 0o400000
	out := flags &^ (unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_DIRECT | largefile)
	for own, generic := range map[int]int{
		unix.O_DIRECTORY: 0o200000, unix.O_NOFOLLOW: 0o400000, unix.O_DIRECT: 0o40000, largefile: 0o100000,
	} {
		if flags&own != 0 {
			out |= generic
		}
	}
	return uint32(out)
}
