package ia32

import (
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
)

// getpid is its number in i386's table (arch/x86/entry/syscalls/syscall_32.tbl).
const getpid = 20

// Int80 makes a system call by the 32-bit entry, as i386 programs do, with up to six arguments. Pointers must lie below 4 GiB
// (MAP_32BIT). It returns what the kernel returned: -errno on failure. Where [Enabled] is false the call ends the process by SIGSEGV.
func Int80(nr uintptr, args ...uintptr) int32 {
	var six [6]uintptr
	copy(six[:], args)
	return int80(nr, &six)
}

func int80(nr uintptr, args *[6]uintptr) int32

// absent enters the kernel by vector 0x81, which no kernel gives to user space: what "int 0x80" is without the entry.
func absent()

// Enabled tells whether the kernel has the 32-bit entry. It makes one system call by it. Under a seccomp filter it does not try,
// because some end the process for such a call, and returns an error.
func Enabled() (bool, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false, fmt.Errorf("look for a seccomp filter: %w", err)
	}
	if regexp.MustCompile(`(?m)^Seccomp:\s+[12]$`).Match(status) { // proc_pid_status(5)
		return false, fmt.Errorf("try the 32-bit entry: a seccomp filter may end the process")
	}
	return survives(func() { Int80(getpid, 0, 0, 0, 0) }), nil
}

// survives tells whether a function returns; if not, it raised SIGSEGV.
func survives(call func()) (ok bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { ok = recover() == nil }()
	call()
	return true
}
