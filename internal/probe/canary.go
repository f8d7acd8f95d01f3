package probe

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/bpfgen"
)

// CallCanary makes a system call of which the kernel sends a record into the bulk ring, by the way of any other call.
// It tells false if no system call is hooked.
func (p *Probe) CallCanary(number uint64) bool {
	if !p.Syscalls() {
		return false
	}
	// It fails for want of such a descriptor; only its record is of interest.
	_, _, _ = unix.Syscall(canaryCall, uintptr(bpfgen.SensorCanaryCallCANARY_DIRFD), 0, uintptr(number))
	return true
}

// ErrNoCanary: this kernel refused the canary's program.
var ErrNoCanary = errors.New("the kernel refused the canary's program")

// RingCanary has the kernel put a record into the critical ring.
func (p *Probe) RingCanary(number uint64) error {
	p.mu.Lock() // a switch closes the programs that it has replaced
	defer p.mu.Unlock()
	prog := p.programs[bpfgen.SensorProgCanary]
	if prog == nil {
		return ErrNoCanary
	}
	if _, err := prog.Run(&ebpf.RunOptions{Context: [1]uint64{number}}); err != nil {
		return fmt.Errorf("run the canary's program: %w", err)
	}
	return nil
}
