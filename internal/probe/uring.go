package probe

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// keepUring leaves those programs about io_uring in the object that the wanted events need on this kernel. A tracepoint
// that another one stands for is not missing, nor is any on a kernel without io_uring.
func keepUring(spec *ebpf.CollectionSpec, wanted *event.TypeSet) error {
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return fmt.Errorf("read the kernel's BTF: %w", err)
	}
	var request *btf.Struct
	rings := kernel.TypeByName("io_kiocb", &request) == nil
	opens := rings && (wanted.Has(event.TypeOpenat) || wanted.Has(event.TypeOpenat2))
	calls := rings && wantsUring(wanted)                                 // recorded when they are asked for, but for opens
	renamed := !hasTracepoint(kernel, bpfgen.SensorProgIoUringSubmitSqe) // since 6.4
	for name, keep := range map[string]bool{
		bpfgen.SensorProgIoUringCreate:      rings && wanted.Has(event.TypeIoUringSetup),
		bpfgen.SensorProgIoUringComplete:    opens,
		bpfgen.SensorProgIoUringSubmitReq:   calls && renamed,
		bpfgen.SensorProgIoUringSubmitSqe:   calls && !renamed,
		bpfgen.SensorProgIoUringCqeOverflow: opens && hasTracepoint(kernel, bpfgen.SensorProgIoUringCqeOverflow),
		// before, each answer is a completion
	} {
		if !keep {
			delete(spec.Programs, name)
		}
	}
	if !opens {
		spec.Maps[bpfgen.SensorMapUringOpens].MaxEntries = 1
	}
	return nil
}

// wantsUring tells whether some operation of a ring is a wanted event.
func wantsUring(wanted *event.TypeSet) bool {
	for _, name := range call.UringOperations() {
		if typ, ok := event.TypeByName(name); ok && wanted.Has(typ) {
			return true
		}
	}
	return false
}

// hasTracepoint: the kernel describes each tracepoint's arguments by a type of its name.
func hasTracepoint(kernel *btf.Spec, name string) bool {
	var t *btf.Typedef
	return kernel.TypeByName("btf_trace_"+name, &t) == nil
}
