package call

// UringOperations are the operations of io_uring that are events, by their number (linux/io_uring.h: enum io_uring_op): each is the call
// that it stands for. What the kernel's side reads of a request is in bpf/programs/io_uring_call.h.
func UringOperations() map[int]string {
	return map[int]string{
		16: "connect", 18: "openat", 28: "openat2", 35: "renameat2", 36: "unlinkat", 37: "mkdirat", 38: "symlinkat", 39: "linkat",
	}
}
