package privilege

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Held is the calling thread's permitted set.
func Held() (Set, error) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return 0, fmt.Errorf("read own capabilities: %w", err)
	}
	return Set(data[1].Permitted)<<32 | Set(data[0].Permitted), nil
}

// ErrCgo: the binary is linked with libc, whose threads Go can't reach. Released binaries are not.
var ErrCgo = errors.New("this build is linked with libc (CGO_ENABLED=1)")

// Drop leaves every thread of the process, those to come and the programs that it starts no more than the given
// capabilities, and sets no-new-privileges. What it can't do it tells after it has done the rest; but for [ErrCgo], which
// changes nothing.
//
// The sets of capabilities belong to threads, and a goroutine may run on any of them.
func Drop(keep Set) error {
	held, err := Held()
	if err != nil {
		return err
	}
	err = everyThread(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	if errors.Is(err, syscall.ENOTSUP) {
		return ErrCgo
	}
	errs := []error{named("set no-new-privileges", err)}
	errs = append(errs, named("clear the ambient set", everyThread(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL)))
	errs = append(errs, named("reduce the bounding set", dropBounding(keep))) // needs CAP_SETPCAP, so it comes before the last step
	keep &= held
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3} // pid 0: the calling thread
	data := [2]unix.CapUserData{
		{Effective: uint32(keep), Permitted: uint32(keep)},
		{Effective: uint32(keep >> 32), Permitted: uint32(keep >> 32)},
	}
	_, _, e := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&hdr)), uintptr(unsafe.Pointer(&data[0])), 0)
	if e != 0 {
		errs = append(errs, named("reduce the capabilities", e))
	}
	return errors.Join(errs...)
}

// MayWrite tells whether a file may be written, and a socket be connected to, by who keeps of the caller's capabilities what keep says.
func MayWrite(keep func(held Set) Set, name string) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		result <- mayWrite(keep, name)
	}()
	return <-result
}

func mayWrite(keep func(held Set) Set, name string) error {
	held, err := Held()
	if err != nil {
		return err
	}
	effective := keep(held)
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{
		{Effective: uint32(effective), Permitted: uint32(held)},
		{Effective: uint32(effective >> 32), Permitted: uint32(held >> 32)},
	}
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		return fmt.Errorf("give up capabilities for a moment: %w", err)
	}
	return unix.Faccessat(unix.AT_FDCWD, name, unix.W_OK, unix.AT_EACCESS)
}

// dropBounding takes out of the bounding set what is not kept. All threads have the same one.
func dropBounding(keep Set) error {
	for c := uint(0); c < 64; c++ {
		in, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0)
		if err != nil {
			return nil // the kernel's last one was before
		}
		if in == 0 || keep&(1<<c) != 0 {
			continue
		}
		if err := everyThread(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(c)); err != nil {
			return err
		}
	}
	return nil
}

// everyThread makes a system call on all threads; its arguments behind the second are 0.
func everyThread(trap, a1, a2 uintptr) error {
	if _, _, e := syscall.AllThreadsSyscall6(trap, a1, a2, 0, 0, 0, 0); e != 0 {
		return e
	}
	return nil
}

func named(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
