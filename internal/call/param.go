package call

import (
	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/value"
)

// Arguments that recipes name beside the call's own.
const (
	result = uint8(bpfgen.SensorParamArgARG_RESULT)
	cwd    = uint8(bpfgen.SensorParamArgARG_CWD)
)

// The short words of the rows. Each makes one parameter.

// res is the result: 0 or a number, -errno for a failure.
func res() Param {
	return Param{Name: "res", Type: value.Errno, Format: value.Dec, From: fromArg, Arg: result}
}

const fromArg = bpfgen.SensorParamSourceSOURCE_ARG

// num is an argument as it is.
func num(name string, t value.Type, f value.Format, arg uint8) Param {
	return Param{Name: name, Type: t, Format: f, From: fromArg, Arg: arg}
}

func u32(name string, arg uint8) Param { return num(name, value.Uint32, value.Dec, arg) }
func u64(name string, arg uint8) Param { return num(name, value.Uint64, value.Dec, arg) }
func pid(name string, arg uint8) Param { return num(name, value.PID, value.Dec, arg) }
func hex(name string, arg uint8) Param { return num(name, value.Uint64, value.Hex, arg) }

// named gives a parameter's numbers texts.
func (p Param) named(n *Names) Param {
	p.Names = n
	return p
}

// flags32 is an argument whose bits have names.
func flags32(name string, arg uint8, n *Names) Param {
	return num(name, value.Flags32, value.Hex, arg).named(n)
}

// fd is a descriptor, and what it leads to; of a call that makes one, arg is the result.
func fd(name string, arg uint8) Param {
	return Param{Name: name, Type: value.FD, Format: value.Dec, From: bpfgen.SensorParamSourceSOURCE_DESCRIPTOR, Arg: arg}
}

// atEntry: what a descriptor leads to is taken when the call begins, because the call closes it.
func (p Param) atEntry() Param {
	p.Rules |= bpfgen.SensorParamRulesPARAM_AT_ENTRY
	return p
}

// plain leaves out what the format says of a descriptor: Falco has none there.
func (p Param) plain() Param {
	p.Format = value.Plain
	return p
}

// typed gives a parameter another type.
func (p Param) typed(t value.Type) Param {
	p.Type = t
	return p
}

// fdAt is a descriptor that the call stores as a C int at an offset from an address.
func fdAt(name string, arg uint8, offset uint16) Param {
	return Param{
		Name: name, Type: value.FD, Format: value.Dec, From: bpfgen.SensorParamSourceSOURCE_DESCRIPTOR_AT, Arg: arg, Offset: offset, Size: 4,
		Rules: bpfgen.SensorParamRulesPARAM_IF_OK,
	}
}

// path is a path from the working directory.
func path(name string, arg uint8) Param {
	return Param{Name: name, Type: value.FSPath, From: bpfgen.SensorParamSourceSOURCE_PATH, Arg: arg, With: cwd}
}

// pathAt is a path from a directory descriptor.
func pathAt(name string, arg, dir uint8) Param {
	return Param{Name: name, Type: value.FSRelPath, From: bpfgen.SensorParamSourceSOURCE_PATH, Arg: arg, With: dir}
}

// str is a string.
func str(name string, arg uint8) Param {
	return Param{Name: name, Type: value.CharBuf, From: bpfgen.SensorParamSourceSOURCE_STRING, Arg: arg}
}

// at is a number in memory: size bytes at an offset from the address in arg.
func at(name string, t value.Type, f value.Format, arg uint8, offset uint16, size uint8) Param {
	return Param{Name: name, Type: t, Format: f, From: bpfgen.SensorParamSourceSOURCE_NUMBER, Arg: arg, Offset: offset, Size: size}
}

// longs: the number stands in a structure of longs, which is half as large for a 32-bit caller.
func (p Param) longs() Param {
	p.Rules |= bpfgen.SensorParamRulesPARAM_LONGS
	return p
}

// ifOK: the call fills the value in, unless it fails.
func (p Param) ifOK() Param {
	p.Rules |= bpfgen.SensorParamRulesPARAM_IF_OK
	return p
}

// data are bytes at an address; their number stands in another argument.
func data(name string, arg, length uint8) Param {
	return Param{Name: name, Type: value.ByteBuf, From: bpfgen.SensorParamSourceSOURCE_BYTES, Arg: arg, With: length}
}

// vector are the bytes of several buffers, from an iovec.
func vector(arg, count uint8) Param {
	return Param{Name: "data", Type: value.ByteBuf, From: bpfgen.SensorParamSourceSOURCE_VECTOR, Arg: arg, With: count}
}

func vectorSize(arg, count uint8) Param {
	return Param{Name: "size", Type: value.Uint32, Format: value.Dec, From: bpfgen.SensorParamSourceSOURCE_VECTOR_SIZE, Arg: arg, With: count}
}

// message are the bytes of several buffers, from a msghdr.
func message(arg uint8) Param {
	return Param{Name: "data", Type: value.ByteBuf, From: bpfgen.SensorParamSourceSOURCE_MESSAGE, Arg: arg}
}

func messageSize(arg uint8) Param {
	return Param{Name: "size", Type: value.Uint32, Format: value.Dec, From: bpfgen.SensorParamSourceSOURCE_MESSAGE_SIZE, Arg: arg}
}

// received: no more bytes than the call returned, none if it failed.
func (p Param) received() Param {
	p.Rules |= bpfgen.SensorParamRulesPARAM_MAX_RESULT
	return p
}

// addr is a socket address; length is the argument with its length.
func addr(arg, length uint8) Param {
	return Param{Name: "addr", Type: value.ByteBuf, From: bpfgen.SensorParamSourceSOURCE_ADDRESS, Arg: arg, With: length, Made: Address}
}

// tuple are both ends of the row's socket. The address that is sent along, if any, stands for the other end of a socket that is
// not connected.
func tuple() Param { return Param{Name: "tuple", Type: value.ByteBuf, Made: Tuple} }

// tupleTo is a tuple with the address in an argument, whose length is in another one, or at an address if byRef.
func tupleTo(arg, length uint8, byRef bool) Param {
	p := tuple()
	p.From, p.Arg, p.With = bpfgen.SensorParamSourceSOURCE_ADDRESS, arg, length
	if byRef {
		p.Offset = 1
	}
	return p
}

// tupleOf is a tuple with the address of a msghdr.
func tupleOf(arg uint8) Param {
	p := tuple()
	p.From, p.Arg = bpfgen.SensorParamSourceSOURCE_MESSAGE_ADDRESS, arg
	return p
}

// made is a value that user space makes by itself, or of the bytes that another word says.
func made(name string, t value.Type, f value.Format, m Made) Param {
	return Param{Name: name, Type: t, Format: f, Made: m}
}

func (p Param) as(m Made) Param {
	p.Made = m
	return p
}

// memory is what the kernel keeps of the caller's memory, in KiB: 0 its size, 1 what is resident, 2 what is swapped.
func memory(name string, which uint8) Param {
	return Param{Name: name, Type: value.Uint32, Format: value.Dec, From: bpfgen.SensorParamSourceSOURCE_MEMORY, Size: which}
}

// capability is one of the caller's sets after the call: 0 inheritable, 1 permitted, 2 effective.
func capability(name string, which uint8) Param {
	return Param{Name: name, Type: value.Uint64, Format: value.Hex, From: bpfgen.SensorParamSourceSOURCE_CRED, Size: which}
}

// row is one system call about no descriptor.
func row(name string, code int, c Category, params ...Param) Row {
	return Row{Name: name, Code: code, Category: c, Params: params, Descriptor: NoDescriptor}
}

// about names the parameter that fd.* are about.
func (r Row) about(param string) Row {
	for i := range r.Params {
		if r.Params[i].Name == param {
			r.Descriptor = i
		}
	}
	return r
}

func (r Row) io(dir IO) Row {
	r.IO = dir
	return r
}

func (r Row) bulk() Row {
	r.Bulk = true
	return r
}

func (r Row) waits() Row {
	r.Waits = true
	return r
}

// naming: the call may give its descriptor a name.
func (r Row) naming() Row {
	r.Names = true
	return r
}
