package testutil

// Int80 makes a system call by the 32-bit entry, as i386 programs do. Pointers must lie below 4 GiB (MAP_32BIT). It
// returns what the kernel returned: -errno on failure. A kernel without CONFIG_IA32_EMULATION sends SIGSEGV.
func Int80(nr, a, b, c, d uintptr) int32
