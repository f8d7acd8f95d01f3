package call

// protNames are the protections of memory (asm-generic/mman-common.h).
func protNames() *Names {
	return bits(
		name{0x1, 0x1, "PROT_READ"}, name{0x2, 0x2, "PROT_WRITE"}, name{0x4, 0x4, "PROT_EXEC"}, name{0x8, 0x8, "PROT_SEM"},
		name{0x1000000, 0x10, "PROT_GROWSDOWN"}, name{0x2000000, 0x20, "PROT_GROWSUP"}, name{0x10, 0x40, "PROT_SAO"},
		name{0x0, 0x0, "PROT_NONE"},
	)
}

// mmapNames are the flags of mmap (asm-generic/mman.h).
func mmapNames() *Names {
	return bits(
		name{0x1, 0x1, "MAP_SHARED"}, name{0x2, 0x2, "MAP_PRIVATE"}, name{0x10, 0x4, "MAP_FIXED"}, name{0x20, 0x8, "MAP_ANONYMOUS"},
		name{0x40, 0x10, "MAP_32BIT"}, name{0x4000, 0x40, "MAP_NORESERVE"}, name{0x8000, 0x80, "MAP_POPULATE"},
		name{0x10000, 0x100, "MAP_NONBLOCK"}, name{0x100, 0x200, "MAP_GROWSDOWN"}, name{0x800, 0x400, "MAP_DENYWRITE"},
		name{0x1000, 0x800, "MAP_EXECUTABLE"}, name{0x2000, 0x4000, "MAP_LOCKED"},
	)
}

// mlockallNames are the flags of mlockall (asm-generic/mman.h).
func mlockallNames() *Names {
	return bits(
		name{0x1, 0x1, "MCL_CURRENT"}, name{0x2, 0x2, "MCL_FUTURE"}, name{0x4, 0x4, "MCL_ONFAULT"},
	)
}

// mlock2Names are the flags of mlock2 (asm-generic/mman.h).
func mlock2Names() *Names {
	return bits(
		name{0x1, 0x1, "MLOCK_ONFAULT"},
	)
}
