package engine

import (
	"strings"

	"github.com/saker-sensor/saker/internal/event"
)

// falcoCodes are the event types that have codes of their own in Falco, by the number of these: one for a call's start, one
// for its end, and two more for each older form. All other calls share the two codes of a generic one. Source:
// driver/event_table.c of Falco's libs.
var falcoCodes = []struct {
	codes int
	names string
}{
	{1, "asyncevent close_range cpu_hotplug groupadded groupdeleted infra keyctl notification page_fault pluginevent " +
		"procinfo scapevent signaldeliver useradded userdeleted"},
	{2, "accept4 access bind capset chdir chmod chown chroot clone3 close connect copy_file_range creat delete_module " +
		"drop dup2 dup3 epoll_create epoll_create1 epoll_wait eventfd eventfd2 execveat fchdir fchmod fchmodat fchown " +
		"fchownat fcntl finit_module flock fsconfig fstat fstat64 futex getcwd getdents getdents64 getegid geteuid " +
		"getgid getpeername getresgid getresuid getrlimit getsockname getsockopt getuid init_module inotify_init " +
		"inotify_init1 io_uring_enter io_uring_register io_uring_setup kill lchown listen llseek lseek lstat lstat64 " +
		"memfd_create mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mount mprotect munlock munlockall munmap " +
		"nanosleep newfstatat open open_by_handle_at openat2 pidfd_getfd pidfd_open pipe pipe2 poll ppoll prctl pread " +
		"preadv prlimit process_vm_readv process_vm_writev procexit ptrace pwrite pwritev quotactl read readv recv " +
		"recvfrom recvmmsg recvmsg rename renameat renameat2 seccomp semctl semget semop send sendfile sendmmsg sendmsg " +
		"sendto setgid setns setpgid setregid setresgid setresuid setreuid setrlimit setsid setsockopt setuid shutdown " +
		"signalfd signalfd4 socket socketpair splice stat stat64 switch symlink symlinkat tgkill timerfd_create tkill " +
		"umount2 unshare userfaultfd write writev"},
	{3, "container"},
	{4, "bpf brk dup ioctl link linkat mkdir openat rmdir select umount unlink unlinkat"},
	{6, "fork vfork"},
	{8, "accept clone"},
	{16, "execve"},
}

// maxCodes is how many of Falco's event codes a condition may leave before it is called too broad (Falco's figure).
const maxCodes = 100

// codeCounter counts event types as Falco does.
type codeCounter map[string]int

func newCodeCounter() codeCounter {
	c := codeCounter{}
	for _, group := range falcoCodes {
		for name := range strings.FieldsSeq(group.names) {
			c[name] = group.codes
		}
	}
	return c
}

func (c codeCounter) count(types *event.TypeSet) int {
	sum, generic := 0, 0
	for _, t := range types.Types() {
		if codes := c[t.String()]; codes > 0 {
			sum += codes
		} else {
			generic = 2
		}
	}
	return sum + generic
}
