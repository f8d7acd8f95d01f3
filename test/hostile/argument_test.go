package hostile

import (
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/call"
)

// arguments makes the six arguments of a call: for each what the row says that it is, or what could make the interpreter stumble.
func (c *rowCaller) arguments(r *call.Row) (args [6]uint64) {
	var made [6]bool
	set := func(i uint8, v uint64) {
		if int(i) < len(args) && !made[i] {
			args[i], made[i] = v, true
		}
	}
	for i, choose := range tame[r.Name].args {
		set(uint8(i), choose(c))
	}
	for i := range r.Params {
		p := &r.Params[i]
		switch p.From {
		case bpfgen.SensorParamSourceSOURCE_DESCRIPTOR:
			set(p.Arg, c.descriptor())
		case bpfgen.SensorParamSourceSOURCE_PATH, bpfgen.SensorParamSourceSOURCE_STRING:
			set(p.Arg, uint64(c.string()))
			if isPath(p) {
				set(p.With, c.descriptor())
			}
		case bpfgen.SensorParamSourceSOURCE_BYTES, bpfgen.SensorParamSourceSOURCE_POLLED:
			set(p.Arg, c.buffer())
			if p.Offset != 0 {
				set(p.With, c.pointer(c.structure()))
			} else {
				set(p.With, c.size())
			}
		case bpfgen.SensorParamSourceSOURCE_VECTOR, bpfgen.SensorParamSourceSOURCE_VECTOR_SIZE:
			count := c.rnd.IntN(24)
			set(p.Arg, c.pointer(c.iovec(count)))
			set(p.With, c.odd(uint64(count)))
		case bpfgen.SensorParamSourceSOURCE_MESSAGE, bpfgen.SensorParamSourceSOURCE_MESSAGE_SIZE, bpfgen.SensorParamSourceSOURCE_MESSAGE_ADDRESS:
			set(p.Arg, c.pointer(c.message()))
		case bpfgen.SensorParamSourceSOURCE_ADDRESS:
			at, n := c.address()
			set(p.Arg, c.pointer(at))
			if p.Offset != 0 {
				set(p.With, c.pointer(c.mem.words(n)))
			} else {
				set(p.With, c.odd(n))
			}
		case bpfgen.SensorParamSourceSOURCE_NUMBER, bpfgen.SensorParamSourceSOURCE_DESCRIPTOR_AT:
			set(p.Arg, c.pointer(c.structure()))
		case bpfgen.SensorParamSourceSOURCE_ARG:
			set(p.Arg, c.any())
		}
	}
	for i := range uint8(len(args)) {
		set(i, c.any())
	}
	return args
}

// descriptor is one of the toys, or wrong.
func (c *rowCaller) descriptor() uint64 {
	if c.chance(250) {
		return uint64(pick(&c.caller, wrongFDs))
	}
	fd := uint64(c.anyFD())
	if c.chance(30) {
		fd |= uint64(c.rnd.Uint32()) << 32 // an int to the kernel
	}
	return fd
}

// pointer is an address, or in its place one where nothing is.
func (c *rowCaller) pointer(at uintptr) uint64 {
	switch {
	case c.chance(60):
		return uint64(c.badPointer())
	case c.chance(60):
		return uint64(c.mem.end()) - uint64(c.rnd.IntN(64)) // it is cut
	}
	return uint64(at)
}

// string is the address of a path, a name or an option.
func (c *rowCaller) string() uintptr {
	s := pick(&c.caller, []string{"/file", "file", "/sub/file", "/link/file", "sub/../file", "/nowhere/at all", "", ".", "..", "/",
		"//sub//./file", "/new" + c.bytes(1), "new", "\n\x1b[31m", "%s%n"})
	switch n := c.rnd.IntN(20); n {
	case 0:
		s = c.bytes(c.rnd.IntN(300))
	case 1:
		s = c.fill("/file", pick(&c.caller, []int{4093, 4094, 4095, 4096, 4097, 9000}), "/.")
	case 2:
		return c.mem.atEnd(append([]byte(s), 0))
	case 3:
		return c.mem.atEnd([]byte("x" + s)) // no end
	case 4:
		return c.badPointer()
	}
	return c.mem.text(s)
}

// buffer is memory to read or to fill, some of it cut by the end of what is there.
func (c *rowCaller) buffer() uint64 {
	if c.chance(150) {
		return c.pointer(c.mem.end() - uintptr(c.rnd.IntN(200)))
	}
	return c.pointer(c.mem.put([]byte(c.bytes(1 + c.rnd.IntN(200)))))
}

// size is the number of bytes or of things in a buffer.
func (c *rowCaller) size() uint64 {
	return pick(&c.caller, []uint64{0, 1, 2, 7, 16, 79, 80, 81, 100, 4095, 4096, 4097, 1 << 20, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32,
		1<<63 - 1, 1 << 63, ^uint64(0)})
}

// odd is a number, or another one.
func (c *rowCaller) odd(n uint64) uint64 {
	if c.chance(150) {
		return c.size()
	}
	return n
}

// any is a number, a descriptor or an address.
func (c *rowCaller) any() uint64 {
	switch n := c.rnd.IntN(10); {
	case n < 3:
		return pick(&c.caller, []uint64{0, 1, 2, 3, 4, 5, 8, 0xff, 0x100, 0o777, 1 << 12, 1 << 16})
	case n < 5:
		return uint64(1) << c.rnd.IntN(64)
	case n < 6:
		return uint64(c.rnd.Uint32())
	case n < 7:
		return c.rnd.Uint64()
	case n < 8:
		return c.size()
	case n < 9:
		return c.descriptor()
	}
	return c.pointer(c.structure())
}

// structure is memory with numbers, most of them senseless.
func (c *rowCaller) structure() uintptr {
	all := make([]uint64, 16)
	for i := range all {
		switch c.rnd.IntN(4) {
		case 0:
			all[i] = uint64(c.rnd.IntN(256))
		case 1:
			all[i] = c.rnd.Uint64()
		case 2:
			all[i] = c.size()
		}
	}
	return c.mem.words(all...)
}

// iovec makes the descriptions of buffers.
func (c *rowCaller) iovec(count int) uintptr {
	all := make([]uint64, 0, 2*count+2)
	for range count {
		n := uint64(c.rnd.IntN(60))
		if c.chance(30) {
			n = c.size()
		}
		all = append(all, c.buffer(), n)
	}
	return c.mem.words(append(all, 0, 0)...)
}

// message makes a struct user_msghdr.
func (c *rowCaller) message() uintptr {
	count := c.rnd.IntN(24)
	vector := c.pointer(c.iovec(count))
	at, n := c.address()
	return c.mem.words(c.pointer(at), c.odd(n), vector, c.odd(uint64(count)), c.pointer(c.structure()), c.odd(0), c.any(), c.any())
}

// address makes a struct sockaddr.
func (c *rowCaller) address() (at uintptr, length uint64) {
	b := []byte(c.bytes(2 + c.rnd.IntN(200)))
	family, n := uint64(unix.AF_UNSPEC), len(b)
	switch c.rnd.IntN(6) {
	case 0:
		family, n = unix.AF_INET, 16
		copy(b[min(len(b), 2):], []byte{byte(c.rnd.Uint32()), byte(c.rnd.Uint32()), 127, 0, 0, 1})
	case 1:
		family, n = unix.AF_INET6, 28
	case 2:
		family = unix.AF_UNIX
		copy(b[min(len(b), 2):], "/sub/socket\x00")
	case 3:
		family = unix.AF_UNIX
		b[2%len(b)] = 0
	case 4:
		family = uint64(c.rnd.Uint32())
	}
	b[0], b[1] = byte(family), byte(family>>8)
	return c.mem.put(b), uint64(n)
}
