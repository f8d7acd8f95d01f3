package call

import (
	"github.com/saker-sensor/saker/internal/bpfgen"
)

// Sent tells whether the kernel's side sends something for the parameter.
func (p *Param) Sent() bool { return p.From != bpfgen.SensorParamSourceSOURCE_NONE }

// IsResult tells whether the parameter's number is what the call returned.
func (p *Param) IsResult() bool {
	return p.Arg == result && (p.From == fromArg || p.From == bpfgen.SensorParamSourceSOURCE_DESCRIPTOR)
}

// IsDescriptor tells whether the kernel's side sends what a descriptor leads to.
func (p *Param) IsDescriptor() bool {
	return p.From == bpfgen.SensorParamSourceSOURCE_DESCRIPTOR || p.From == bpfgen.SensorParamSourceSOURCE_DESCRIPTOR_AT
}

// Recipe is what the kernel's side does for the row: its sent parameters, in their order.
func (r *Row) Recipe() bpfgen.SensorCallRecipe {
	out := bpfgen.SensorCallRecipe{Paths: [2]uint8{noArg, noArg}, Descriptor: noArg}
	paths := 0
	for i := range r.Params {
		p := &r.Params[i]
		if !p.Sent() {
			continue
		}
		c := &out.Param[out.Params]
		out.Params++
		c.Source, c.Arg, c.With, c.Size = uint8(p.From), p.Arg, p.With, p.Size
		c.Rules, c.Offset, c.Max = uint8(p.Rules), p.Offset, p.Max
		if p.From == bpfgen.SensorParamSourceSOURCE_PATH {
			c.Size = uint8(paths)
			out.Paths[paths] = p.Arg
			paths++
		}
		if p.Rules&bpfgen.SensorParamRulesPARAM_AT_ENTRY != 0 {
			out.Descriptor = p.Arg
		}
	}
	return out
}

const noArg = uint8(bpfgen.SensorParamArgARG_NONE)

// NeedsEntry tells whether the call has something that may be gone when it returns: a path in the caller's memory alone, or a
// descriptor that it closes.
func (r *Row) NeedsEntry() bool {
	for i := range r.Params {
		if r.Params[i].From == bpfgen.SensorParamSourceSOURCE_PATH || r.Params[i].Rules&bpfgen.SensorParamRulesPARAM_AT_ENTRY != 0 {
			return true
		}
	}
	return false
}
