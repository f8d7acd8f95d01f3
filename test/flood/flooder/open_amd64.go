package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// open is creat(2) by its own number. Hardly any other program makes it, so that a rule about it has the kernel send,
// and lose, what the flooder does and nothing else.
func open(file string) (int, error) {
	path, err := unix.BytePtrFromString(file)
	if err != nil {
		return -1, err
	}
	fd, _, errno := unix.Syscall(unix.SYS_CREAT, uintptr(unsafe.Pointer(path)), 0o600, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}
