package guard

import (
	"bytes"
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
	// A thread that waits in a call stands behind the instruction for it. Where it does not, one is written, which other
	// threads must not come by meanwhile.
	syscall, text := []byte{0x0f, 0x05}, make([]byte, 2)
	at := uintptr(before.Rip) - 2
	_, err := unix.PtracePeekText(pid, at, text)
	must("read the code", err)
	written := !bytes.Equal(text, syscall)
	if written {
		_, err = unix.PtracePokeText(pid, at, syscall)
		must("write the code", err)
	}
	regs = before
	regs.Rip, regs.Rax, regs.Rdi, regs.Orig_rax = uint64(at), unix.SYS_CLOSE, uint64(fd), ^uint64(0)
	must("write the registers", unix.PtraceSetRegs(pid, &regs))
	must("step", unix.PtraceSingleStep(pid))
	wait()
	must("read the result", unix.PtraceGetRegs(pid, &regs))
	if written {
		_, err = unix.PtracePokeText(pid, at, text)
		must("restore the code", err)
	}
	must("restore the registers", unix.PtraceSetRegs(pid, &before))
	must("detach", unix.PtraceDetach(pid))
	if regs.Rax != 0 {
		t.Fatalf("close: %v", unix.Errno(-int64(regs.Rax)))
	}
}
