package probe

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/ia32"
)

// EntryHook is where the begin of system calls is seen (bpf/programs/sys_enter.h).
type EntryHook int

const (
	// EntryAuto is EntryCalls where that misses nothing, and EntryAll elsewhere.
	EntryAuto EntryHook = iota
	// EntryAll is the tracepoint of all calls.
	EntryAll
	// EntryCalls are the tracepoints of those calls alone that keep something at their begin, so that others cost nothing. They tell
	// nothing of 32-bit and x32 callers (ARCH_TRACE_IGNORE_COMPAT_SYSCALLS). Minimum kernel: 5.15, whose links they need.
	EntryCalls
)

// tracepoints are the numbers of the tracepoints of calls' begins, by the call's name; nil where they are not to be used.
type tracepoints map[string]uint64

// newTracepoints decides for one of the hooks, and says why it is not EntryCalls.
func newTracepoints(hook EntryHook) (tracepoints, error) {
	if hook == EntryAuto {
		if err := onlyNativeEntry(); err != nil {
			return nil, err
		}
	}
	if hook == EntryAll {
		return nil, errors.New("put the begin of calls on their own tracepoints: not wanted")
	}
	if err := features.HaveProgramHelper(ebpf.Kprobe, asm.FnGetAttachCookie); err != nil { // it came with these links
		return nil, fmt.Errorf("look for links of perf events (Linux 5.15): %w", err)
	}
	return readTracepoints()
}

// x32Bit marks the calls of x32 programs (__X32_SYSCALL_BIT, asm/unistd.h).
const x32Bit = 0x40000000

// onlyNativeEntry is an error if the kernel takes system calls by another entry than the native one, or that is not known.
func onlyNativeEntry() error {
	enabled, err := ia32.Enabled()
	if err != nil {
		return fmt.Errorf("look for a 32-bit entry: %w", err)
	}
	if enabled {
		return errors.New("the kernel takes 32-bit system calls")
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_GETPID|x32Bit, 0, 0, 0); errno != unix.ENOSYS {
		return errors.New("the kernel takes x32 system calls")
	}
	return nil
}

// readTracepoints reads the numbers from tracefs: where it is mounted, here or on the host, else in a mount that nobody else
// sees.
func readTracepoints() (tracepoints, error) {
	const below = "events/syscalls"
	at := func(dir string) func() (*os.Root, error) {
		return func() (*os.Root, error) { return os.OpenRoot(filepath.Join(dir, below)) }
	}
	var errs []error
	for _, open := range []func() (*os.Root, error){
		at("/sys/kernel/tracing"), at("/sys/kernel/debug/tracing"), at("/proc/1/root/sys/kernel/tracing"),
		func() (*os.Root, error) { return openTracefs(below) },
	} {
		root, err := open()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found, err := readNumbers(root)
		if err := errors.Join(err, root.Close()); err != nil {
			errs = append(errs, err)
			continue
		}
		return found, nil
	}
	return nil, fmt.Errorf("read the numbers of tracepoints: %w", errors.Join(errs...))
}

// openTracefs opens a directory of a tracefs that is mounted nowhere (Linux 5.2). It needs CAP_SYS_ADMIN.
func openTracefs(dir string) (*os.Root, error) {
	fs, err := unix.Fsopen("tracefs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open tracefs: %w", err)
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, fmt.Errorf("make a tracefs: %w", err)
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return nil, fmt.Errorf("mount tracefs: %w", err)
	}
	defer unix.Close(mount)
	return os.OpenRoot(filepath.Join("/proc/self/fd", strconv.Itoa(mount), dir))
}

// readNumbers reads those of all calls that keep something at their begin. A kernel may lack some of the calls.
func readNumbers(root *os.Root) (tracepoints, error) {
	found := tracepoints{}
	t := call.New()
	for _, typ := range t.Native() {
		if _, isOwn := own[typ]; !isOwn && !keepsAtEntry(t.Row(typ)) {
			continue
		}
		text, err := root.ReadFile("sys_enter_" + tracepointName(typ) + "/id")
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if found[typ.String()], err = strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err != nil {
			return nil, err
		}
	}
	if len(found) == 0 {
		return nil, errors.New("no call has a tracepoint (CONFIG_FTRACE_SYSCALLS)")
	}
	return found, nil
}

// tracepointName is the name of a call where the kernel defines it, if that is another one.
func tracepointName(typ event.Type) string {
	switch name := typ.String(); name {
	case "stat", "lstat":
		return "new" + name
	case "umount2":
		return "umount"
	default:
		return name
	}
}

func keepsAtEntry(row *call.Row) bool {
	if row == nil {
		return false
	}
	const none = uint8(bpfgen.SensorParamArgARG_NONE)
	r := row.Recipe()
	return r.Paths[0] != none || r.Descriptor != none
}

// entries are the names of the wanted calls that keep something at their begin. An open does not, if no rule is about one that fails.
func (s *syscalls) entries(m *masks) (names []string) {
	for _, id := range s.native {
		var typ event.Type
		switch {
		case id == uint16(bpfgen.SensorCallCALL_NONE) || id == uint16(bpfgen.SensorCallCALL_CANARY):
			continue
		case id >= uint16(bpfgen.SensorCallCALL_ROWS):
			rows, i := s.table.Rows(), int(id)-int(bpfgen.SensorCallCALL_ROWS)
			if i >= len(rows) || !keepsAtEntry(&rows[i]) { // behind them is the row of calls without one
				continue
			}
			typ = rows[i].Type
		default:
			if typ = ownType(id); !isExec(typ) && !m.failures(id) {
				continue
			}
		}
		names = append(names, typ.String())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func isExec(typ event.Type) bool { return typ == event.TypeExecve || typ == event.TypeExecveat }

func ownType(id uint16) event.Type {
	for typ, known := range own {
		if uint16(known) == id {
			return typ
		}
	}
	return event.TypeUnknown
}

// failures tells whether a rule may match an open that fails.
func (m *masks) failures(id uint16) bool {
	for _, access := range m.opens[id] {
		if access[bpfgen.SensorOpenOutcomeOPEN_FAILED]|access[bpfgen.SensorOpenOutcomeOPEN_NAME_CHANGED] != 0 {
			return true
		}
	}
	return false
}

// covers tells whether each of the calls has a tracepoint.
func (t tracepoints) covers(names []string) bool {
	return t != nil && !slices.ContainsFunc(names, func(name string) bool { return t[name] == 0 })
}

// attachEntries puts the program on the tracepoints of the named calls.
func attachEntries(prog *ebpf.Program, t tracepoints, names []string) (links []attachment, err error) {
	for _, name := range names {
		l, err := attachTracepoint(prog, t[name])
		if err != nil {
			return nil, errors.Join(fmt.Errorf("attach to the tracepoint sys_enter_%s: %w", name, err), detach(links))
		}
		id, err := linkID(l)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("read the link of sys_enter_%s: %w", name, err), l.Close(), detach(links))
		}
		links = append(links, attachment{bpfgen.SensorProgEnterCall + " of " + name, l, id})
	}
	return links, nil
}

// attachTracepoint makes an event of the tracepoint, of all processes: one is enough, its program runs on every processor. The link keeps
// it.
func attachTracepoint(prog *ebpf.Program, number uint64) (link.Link, error) {
	attr := &unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: number, Size: unix.PERF_ATTR_SIZE_VER0, Sample: 1, Wakeup: 1}
	fd, err := unix.PerfEventOpen(attr, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open the perf event: %w", err)
	}
	defer unix.Close(fd)
	return link.AttachRawLink(link.RawLinkOptions{Target: fd, Program: prog, Attach: ebpf.AttachPerfEvent})
}
