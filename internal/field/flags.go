package field

import (
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// flagName names a bit, or several that belong together, of a flags parameter.
type flagName struct {
	bits uint64
	name string
}

// Falco's own numbers for the flags of an open; evt.rawarg.flags shows them.
const (
	falcoRead uint32 = 1 << iota
	falcoWrite
	falcoCreate
	falcoAppend
	falcoDsync
	falcoExcl
	falcoNonblock
	falcoSync
	falcoTrunc
	falcoDirect
	falcoDirectory
	falcoLargefile
	falcoCloexec
	falcoTmpfile
	falcoCreated
	falcoUpper
	falcoLower
)

// openNames are in the order in which Falco prints them.
var openNames = []flagName{
	{uint64(falcoLargefile), "O_LARGEFILE"}, {uint64(falcoDirectory), "O_DIRECTORY"}, {uint64(falcoDirect), "O_DIRECT"},
	{uint64(falcoTrunc), "O_TRUNC"}, {uint64(falcoSync), "O_SYNC"}, {uint64(falcoNonblock), "O_NONBLOCK"},
	{uint64(falcoExcl), "O_EXCL"}, {uint64(falcoDsync), "O_DSYNC"}, {uint64(falcoAppend), "O_APPEND"},
	{uint64(falcoCreate), "O_CREAT"}, {uint64(falcoRead | falcoWrite), "O_RDWR"}, {uint64(falcoWrite), "O_WRONLY"},
	{uint64(falcoRead), "O_RDONLY"}, {uint64(falcoCloexec), "O_CLOEXEC"}, {0, "O_NONE"},
	{uint64(falcoTmpfile), "O_TMPFILE"}, {uint64(falcoCreated), "O_F_CREATED"},
	{uint64(falcoUpper), "FD_UPPER_LAYER"}, {uint64(falcoLower), "FD_LOWER_LAYER"},
}

// The kernel's flags of an open, as asm-generic/fcntl.h has them on every machine that matters here; decode
// converts where a machine differs.
const (
	kernelWronly    = 0o1
	kernelRdwr      = 0o2
	kernelAccmode   = 0o3
	kernelCreat     = 0o100
	kernelExcl      = 0o200
	kernelTrunc     = 0o1000
	kernelAppend    = 0o2000
	kernelNonblock  = 0o4000
	kernelDsync     = 0o10000
	kernelDirect    = 0o40000
	kernelLargefile = 0o100000
	kernelDirectory = 0o200000
	kernelCloexec   = 0o2000000
	kernelSync      = 0o4010000
	kernelTmpfile   = 0o20200000
)

// openPairs map single flags; what needs more is in openFlags.
var openPairs = [...]struct{ kernel, falco uint32 }{
	{kernelCreat, falcoCreate}, {kernelExcl, falcoExcl}, {kernelTrunc, falcoTrunc}, {kernelAppend, falcoAppend},
	{kernelNonblock, falcoNonblock}, {kernelDsync, falcoDsync}, {kernelSync, falcoSync}, {kernelDirect, falcoDirect},
	{kernelLargefile, falcoLargefile}, {kernelDirectory, falcoDirectory}, {kernelCloexec, falcoCloexec},
	{kernelTmpfile, falcoTmpfile},
}

// openFlags are the flags of an open with Falco's numbers.
func openFlags(ev *event.Event) uint32 {
	if ev.Captured != nil {
		return ev.Captured.OpenFlags
	}
	k := ev.File.OpenFlags
	var f uint32
	switch k & kernelAccmode {
	case kernelWronly:
		f = falcoWrite
	case kernelRdwr:
		f = falcoRead | falcoWrite
	default:
		f = falcoRead
	}
	for _, p := range openPairs {
		if k&p.kernel == p.kernel {
			f |= p.falco
		}
	}
	if ev.File.Created {
		f |= falcoCreated
	}
	switch ev.File.Layer {
	case event.LayerUpper:
		f |= falcoUpper
	case event.LayerLower:
		f |= falcoLower
	}
	return f
}

// creatNames are those of creat's own flags parameter.
var creatNames = []flagName{{1, "FD_UPPER_LAYER_CREAT"}, {2, "FD_LOWER_LAYER_CREAT"}}

func creatFlags(ev *event.Event) int64 {
	switch ev.File.Layer {
	case event.LayerUpper:
		return 1
	case event.LayerLower:
		return 2
	}
	return 0
}

var exeNames = []flagName{{1, "EXE_WRITABLE"}, {2, "EXE_UPPER_LAYER"}, {4, "EXE_FROM_MEMFD"}, {8, "EXE_LOWER_LAYER"}}

func exeFlags(p *event.Process) int64 {
	var n int64
	if p.ExeWritable {
		n |= 1
	}
	if p.ExeMemfd {
		n |= 4
	}
	switch p.ExeLayer {
	case event.LayerUpper:
		n |= 2
	case event.LayerLower:
		n |= 8
	}
	return n
}

// resolveNames are in Falco's order; the bits are its own, not openat2's.
var resolveNames = []flagName{
	{1, "RESOLVE_BENEATH"}, {2, "RESOLVE_IN_ROOT"}, {4, "RESOLVE_NO_MAGICLINKS"}, {8, "RESOLVE_NO_SYMLINKS"},
	{16, "RESOLVE_NO_XDEV"}, {32, "RESOLVE_CACHED"},
}

// resolveBits are openat2's bits in the order of resolveNames (linux/openat2.h).
var resolveBits = [...]uint64{0x08, 0x10, 0x02, 0x04, 0x01, 0x20}

func resolveFlags(ev *event.Event) int64 {
	var n int64
	for i, bit := range resolveBits {
		if ev.File.Resolve&bit != 0 {
			n |= 1 << i
		}
	}
	return n
}

// capNames are the capabilities by bit (linux/capability.h), printed in this order.
var capNames = namesOf(
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW",
	"CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
	"CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD",
	"CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG",
	"CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
)

// ParseCapabilities reads what thread.cap_effective and its like show: names joined by blanks, as a bit mask.
func ParseCapabilities(text string) (mask uint64, ok bool) {
	for _, word := range strings.Fields(text) {
		i := slices.IndexFunc(capNames, func(f flagName) bool { return f.name == word })
		if i < 0 {
			return 0, false
		}
		mask |= capNames[i].bits
	}
	return mask, true
}

func namesOf(names ...string) []flagName {
	fs := make([]flagName, len(names))
	for i, n := range names {
		fs[i] = flagName{1 << i, n}
	}
	return fs
}

// joinFlags names the bits of a value. A name for no bit at all stands for the value 0.
func joinFlags(value uint64, names []flagName, sep string) string {
	var b strings.Builder
	left := value
	for _, n := range names {
		if n.bits == 0 && value != 0 || n.bits != 0 && (left == 0 || left&n.bits != n.bits) {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(sep)
		}
		b.WriteString(n.name)
		left &^= n.bits
	}
	return b.String()
}

// flagTexts remembers the texts of flags that were met, so that asking again costs no memory: there are few different
// ones on a machine. It is bounded, and safe for several goroutines.
type flagTexts struct {
	format func(value uint64) string
	slots  [256]atomic.Pointer[flagText]
}

type flagText struct {
	value uint64
	text  string
}

func newFlagTexts(names []flagName, sep string) *flagTexts {
	return &flagTexts{format: func(value uint64) string { return joinFlags(value, names, sep) }}
}

func (c *flagTexts) text(value uint64) string {
	slot := &c.slots[(value*0x9e3779b97f4a7c15)>>56]
	if t := slot.Load(); t != nil && t.value == value {
		return t.text
	}
	t := &flagText{value, c.format(value)}
	slot.Store(t)
	return t.text
}

// errnoName names a negative return value; empty if it has no name.
func errnoName(ret int64) string {
	switch ret {
	case -int64(unix.EOPNOTSUPP):
		return "EOPNOTSUPP" // which has two names
	// What a traced or interrupted call may show, known inside the kernel only (include/linux/errno.h).
	case -512:
		return "ERESTARTSYS"
	case -513:
		return "ERESTARTNOINTR"
	case -514:
		return "ERESTARTNOHAND"
	case -515:
		return "ENOIOCTLCMD"
	case -516:
		return "ERESTART_RESTARTBLOCK"
	}
	if ret >= 0 || ret < -4095 {
		return ""
	}
	return unix.ErrnoName(unix.Errno(-ret))
}
