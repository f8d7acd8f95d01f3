package decode

// genericOpenFlags gives the O_* flags their values of asm-generic/fcntl.h: arm exchanges four of them
// (arch/arm64/include/uapi/asm/fcntl.h).
func genericOpenFlags(f uint32) uint32 {
	const (
		armDirectory, armNofollow, armDirect, armLargefile = 0o40000, 0o100000, 0o200000, 0o400000
		directory, nofollow, direct, largefile             = 0o200000, 0o400000, 0o40000, 0o100000
	)
	out := f &^ (armDirectory | armNofollow | armDirect | armLargefile)
	for _, m := range [...][2]uint32{{armDirectory, directory}, {armNofollow, nofollow}, {armDirect, direct}, {armLargefile, largefile}} {
		if f&m[0] != 0 {
			out |= m[1]
		}
	}
	return out
}
