// Package ia32 asks whether the kernel takes 32-bit system calls of x86, and makes them from 64-bit code.
//
// A kernel may be built without them (CONFIG_IA32_EMULATION=n), be started without them (ia32_emulation=0, since Linux 6.7), or be
// without them as a guest of some hypervisors. Then "int 0x80" raises SIGSEGV, and a 32-bit program fails with ENOEXEC.
package ia32

// Needed is what a test says that is skipped because [Enabled] is false.
const Needed = "needs a kernel that takes 32-bit system calls"
