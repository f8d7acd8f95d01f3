package call

import (
	"strings"

	"github.com/saker-sensor/saker/internal/event"
)

//go:generate go run ./gen

// number is a system call in the tables of the architectures; -1: it has none there.
type number struct {
	name                    string
	amd64, i386, arm64, arm int
}

// renamed are the calls whose event has another name than the kernel's, beside those that differ by a suffix alone.
var renamed = map[string]string{
	"ugetrlimit":          "getrlimit",
	"arm_fadvise64_64":    "fadvise64",
	"arm_sync_file_range": "sync_file_range2",
}

// typeOf finds the event's type of a system call by the kernel's name: 32-bit tables have calls with a suffix for the size of
// what is passed (fcntl64, setuid32, futex_time64), which are events of the name without it.
func typeOf(types map[string]event.Type, kernel string) (event.Type, bool) {
	if name, ok := renamed[kernel]; ok {
		kernel = name
	}
	for _, name := range []string{
		kernel, strings.TrimPrefix(kernel, "_"), strings.TrimSuffix(kernel, "_time64"), strings.TrimSuffix(kernel, "64"),
		strings.TrimSuffix(kernel, "32"),
		strings.TrimSuffix(kernel, "_64"),
	} {
		if t, ok := types[name]; ok {
			return t, true
		}
	}
	return event.TypeUnknown, false
}

// x32 are the numbers of that entry's own calls (arch/x86/entry/syscalls/syscall_64.tbl); it shares all others with amd64.
var x32 = map[int]string{
	512: "rt_sigaction", 513: "rt_sigreturn", 514: "ioctl", 515: "readv", 516: "writev", 517: "recvfrom", 518: "sendmsg",
	519: "recvmsg", 520: "execve", 521: "ptrace", 522: "rt_sigpending", 523: "rt_sigtimedwait", 524: "rt_sigqueueinfo",
	525: "sigaltstack", 526: "timer_create", 527: "mq_notify", 528: "kexec_load", 529: "waitid", 530: "set_robust_list",
	531: "get_robust_list", 532: "vmsplice", 533: "move_pages", 534: "preadv", 535: "pwritev", 536: "rt_tgsigqueueinfo",
	537: "recvmmsg", 538: "sendmmsg", 539: "process_vm_readv", 540: "process_vm_writev", 541: "setsockopt", 542: "getsockopt",
	543: "io_setup", 544: "io_submit", 545: "execveat", 546: "preadv2", 547: "pwritev2",
}
