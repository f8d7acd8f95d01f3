package state

import "slices"

// SyscallNumber is Falco's number of a system call of this name, the same on every architecture; 0 and false if it has none.
func SyscallNumber(name string) (number uint16, ok bool) {
	i := slices.Index(syscallNames[1:], name)
	return uint16(i + 1), i >= 0
}
