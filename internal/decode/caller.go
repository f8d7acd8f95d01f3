package decode

import (
	"unsafe"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// caller reads what the record says of who caused it, at its end, and returns the record without that.
func (d *Decoder) caller(raw []byte, rec *event.Record) ([]byte, error) {
	var info bpfgen.SensorCallerInfo
	size := int(unsafe.Sizeof(info))
	if len(raw) < size {
		return nil, ErrShort
	}
	end := len(raw) - size
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&info)), size), raw[end:]) // it is not aligned
	begin := uintptr(end)
	for _, n := range info.StdLen {
		begin -= uintptr(n)
	}
	for _, n := range info.CgroupLen {
		begin -= uintptr(n)
	}
	begin -= uintptr(info.CwdLen)
	if begin > uintptr(end) || begin < unsafe.Sizeof(bpfgen.SensorRecordHeader{}) {
		return nil, ErrShort
	}
	c := &d.callerInfo
	*c = event.Caller{
		Parts: event.CallerParts(info.Parts), FDs: info.Fds, Kinds: event.DescriptorKinds(info.Kinds),
		VMSize: info.VmSize, VMRSS: info.VmRss, VMSwap: info.VmSwap,
		Threads: info.Threads, MajorFaults: info.MajorFaults, MinorFaults: info.MinorFaults, CPUTime: info.CpuTime,
	}
	data := texts{raw[:end], begin}
	for i := range c.Std {
		if err := descriptor(data.next(info.StdLen[i]), bpfgen.SensorParamFlags(info.StdFlags[i]), &c.Std[i]); err != nil {
			return nil, err
		}
	}
	for i := range c.Cgroups {
		c.Cgroups[i] = data.next(info.CgroupLen[i])
	}
	c.Cwd = data.next(info.CwdLen)
	rec.Event.Caller = c
	return raw[:begin], nil
}

// descriptor reads what a descriptor leads to, if anything.
func descriptor(bytes string, flags bpfgen.SensorParamFlags, out *event.Descriptor) error {
	switch {
	case flags&bpfgen.SensorParamFlagsPARAM_FILE != 0:
		return file(bytes, flags, out)
	case flags&bpfgen.SensorParamFlagsPARAM_SOCKET != 0:
		return socket(bytes, out)
	}
	return nil
}
