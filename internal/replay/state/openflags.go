package state

// openBits are the flags of an open: Falco's numbers and the kernel's (asm-generic/fcntl.h).
var openBits = [...]struct{ falco, kernel uint32 }{
	{1 << 2, 0o100}, {1 << 3, 0o2000}, {1 << 4, 0o10000}, {1 << 5, 0o200}, {1 << 6, 0o4000}, {1 << 7, 0o4010000}, {1 << 8, 0o1000},
	{1 << 9, 0o40000}, {openDirectory, 0o200000}, {1 << 11, 0o100000}, {openCloexec, 0o2000000}, {1 << 13, 0o20200000},
}

// kernelOpenFlags turns Falco's flags of an open into the kernel's.
func kernelOpenFlags(falco uint32) (kernel uint32) {
	const read, write = 1 << 0, 1 << 1
	switch {
	case falco&(read|write) == read|write:
		kernel = 0o2
	case falco&write != 0:
		kernel = 0o1
	}
	for _, b := range openBits {
		if falco&b.falco != 0 {
			kernel |= b.kernel
		}
	}
	return kernel
}
