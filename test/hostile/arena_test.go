package hostile

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// pages are those of an arena that can be used; behind them lies one that can't.
const pages = 256

// arena is memory for the arguments of one thread, low enough for the 32-bit entry.
type arena struct {
	base uintptr
	mem  []byte
	// used is the end of what the call at hand has taken from the front.
	used int
}

func newArena() (*arena, error) {
	page := unix.Getpagesize()
	p, err := unix.MmapPtr(-1, 0, nil, uintptr((pages+1)*page), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANON|mapLow|unix.MAP_POPULATE)
	if err != nil {
		return nil, err
	}
	a := &arena{base: uintptr(p), mem: unsafe.Slice((*byte)(p), pages*page)}
	// Not unmapped, so that nobody else gets it.
	return a, unix.Mprotect(unsafe.Slice((*byte)(unsafe.Add(p, pages*page)), page), unix.PROT_NONE)
}

func (a *arena) end() uintptr { return a.base + uintptr(len(a.mem)) }

// put copies bytes to the front and returns where they are.
func (a *arena) put(b []byte) uintptr {
	at := (a.used + 15) &^ 15
	a.used = at + copy(a.mem[at:], b)
	return a.base + uintptr(at)
}

// text puts a string with its NUL.
func (a *arena) text(s string) uintptr { return a.put(append([]byte(s), 0)) }

// atEnd copies bytes to the end, right before memory that is not there.
func (a *arena) atEnd(b []byte) uintptr {
	at := len(a.mem) - len(b)
	copy(a.mem[at:], b)
	return a.base + uintptr(at)
}

// pointers puts an array of pointers.
func (a *arena) pointers(all []uintptr) uintptr {
	if len(all) == 0 {
		return a.base
	}
	return a.put(unsafe.Slice((*byte)(unsafe.Pointer(&all[0])), len(all)*int(unsafe.Sizeof(all[0]))))
}

// tiny is a program that ends at once, with code ended: an ELF header, one program header, and three instructions.
func tiny() []byte {
	const base, headers = 0x400000, 64 + 56
	b := make([]byte, headers, headers+len(tinyCode))
	copy(b, "\x7fELF\x02\x01\x01")
	put := func(at, size int, v uint64) {
		for i := range size {
			b[at+i] = byte(v >> (8 * i))
		}
	}
	size := uint64(headers + len(tinyCode))
	for _, f := range []struct {
		at, size int
		v        uint64
	}{
		{16, 2, 2}, {18, 2, tinyMachine}, {20, 4, 1}, {24, 8, base + headers}, {32, 8, 64}, {52, 2, 64}, {54, 2, 56}, {56, 2, 1},
		{64, 4, 1}, {68, 4, 5}, {80, 8, base}, {88, 8, base}, {96, 8, size}, {104, 8, size}, {112, 8, 0x1000},
	} {
		put(f.at, f.size, f.v)
	}
	return append(b, tinyCode...)
}

// ended is the code that tiny ends with; no errno is so high.
const ended = 200
