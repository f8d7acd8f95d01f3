package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unsafe"

	"github.com/cilium/ebpf/link"

	"github.com/saker-sensor/saker/internal/bpfgen"
)

// ErrNoIterator: this kernel has no task iterator (needs 5.8 with BTF).
var ErrNoIterator = errors.New("the kernel offers no task iterator")

// Tasks calls f with one record (RECORD_TASK) for each process that runs now. The bytes are valid during the call.
// One call at a time.
func (p *Probe) Tasks(f func(raw []byte) error) error {
	prog := p.programs[bpfgen.SensorProgTaskIter]
	if prog == nil {
		return ErrNoIterator
	}
	it, err := link.AttachIter(link.IterOptions{Program: prog})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoIterator, err)
	}
	defer func() { _ = it.Close() }()
	r, err := it.Open()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoIterator, err)
	}
	defer func() { _ = r.Close() }()
	all, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("read the running processes: %w", err)
	}
	// Records have any length; decoding wants each at a multiple of 8.
	words := make([]uint64, 0, 1024)
	for len(all) > 0 {
		if len(all) < 4 {
			return fmt.Errorf("read the running processes: %w", io.ErrUnexpectedEOF)
		}
		size := int(binary.NativeEndian.Uint32(all))
		if size < int(unsafe.Sizeof(bpfgen.SensorExecRecord{})) || size > len(all) {
			return fmt.Errorf("read the running processes: a record of %d bytes, %d left", size, len(all))
		}
		if need := (size + 7) / 8; cap(words) < need {
			words = make([]uint64, 0, need)
		}
		buf := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), cap(words)*8)[:size]
		copy(buf, all[:size])
		all = all[size:]
		if err := f(buf); err != nil {
			return err
		}
	}
	return nil
}
