package guard

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// closeIn has a process close one of its descriptors, as a debugger would: it lets the first thread make the call.
func closeIn(t *testing.T, pid, fd int) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	wait := func() {
		t.Helper()
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, unix.WALL, nil)
		must("wait for the thread", err)
		if !status.Stopped() {
			t.Fatalf("the thread is not stopped: %#x", status)
		}
	}
	must("attach", unix.PtraceAttach(pid))
	wait()
	var before, regs unix.PtraceRegs
	must("read the registers", unix.PtraceGetRegs(pid, &before))
	text := make([]byte, 2)
	_, err := unix.PtracePeekText(pid, uintptr(before.Rip), text)
	must("read the code", err)
	_, err = unix.PtracePokeText(pid, uintptr(before.Rip), []byte{0x0f, 0x05}) // syscall
	must("write the code", err)
	regs = before
	regs.Rax, regs.Rdi, regs.Orig_rax = unix.SYS_CLOSE, uint64(fd), ^uint64(0)
	must("write the registers", unix.PtraceSetRegs(pid, &regs))
	must("step", unix.PtraceSingleStep(pid))
	wait()
	must("read the result", unix.PtraceGetRegs(pid, &regs))
	_, err = unix.PtracePokeText(pid, uintptr(before.Rip), text)
	must("restore the code", err)
	must("restore the registers", unix.PtraceSetRegs(pid, &before))
	must("detach", unix.PtraceDetach(pid))
	if regs.Rax != 0 {
		t.Fatalf("close: %v", unix.Errno(-int64(regs.Rax)))
	}
}
