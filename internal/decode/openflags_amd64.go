package decode

// genericOpenFlags gives the O_* flags their values of asm-generic/fcntl.h, which are x86's own.
func genericOpenFlags(f uint32) uint32 { return f }
