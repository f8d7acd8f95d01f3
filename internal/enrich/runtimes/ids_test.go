package runtimes

// Names of the shape that container and pod ids have.
const (
	idA = "3f5b1c9a0d7e4f62b8a1c3d5e7f90123456789abcdef0123456789abcdef0123"
	idB = "aaaa1c9a0d7e4f62b8a1c3d5e7f90123456789abcdef0123456789abcdef0bbb"
	uid = "6f0d5a5e-1111-2222-3333-444455556666"
)
