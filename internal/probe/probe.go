// Package probe is the kernel's end of the walk: it loads the programs, attaches them, and hands out their records.
//
// It decides nothing about what a record means. Minimum kernel: 5.8 (ring buffer), with BTF; see [Check].
package probe

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// Settings of a [Probe]; zero values take the defaults.
type Settings struct {
	// Types are the events to capture. Exec, fork and exit are always captured, because the process table needs them.
	Types event.TypeSet
	// Masks narrow the events to those that some rule may match; nil does not.
	Masks *event.Masks
	// EntryCopies keeps the paths of calls that may fail from their begin on, so that a rewritten one is known.
	EntryCopies bool
	// EntryHook is where the begin of calls is seen, for EntryCopies.
	EntryHook EntryHook
	// Caller is what is asked of who causes an event, by the event's type; see [event.Event.Caller].
	Caller map[event.Type]event.CallerParts
	// DataBytes is how many bytes of a buffer are copied: 80 if it is 0, at most 4096.
	DataBytes int
	// CgroupController names the cgroup v1 controller whose hierarchy is followed; empty for cgroup v2.
	CgroupController string
	// CriticalBytes and BulkBytes are the rings' sizes: powers of two, multiples of the page size.
	CriticalBytes, BulkBytes int
}

const (
	defaultCritical = 4 << 20
	defaultBulk     = 8 << 20
	defaultData     = 80
)

// Probe is the loaded object. Its rings belong to the goroutine that reads them.
type Probe struct {
	maps bpfgen.SensorMaps
	// all are the maps of p.maps by name, which share their descriptors.
	all map[string]*ebpf.Map
	// ids are the numbers that the kernel gave them.
	ids map[string]ebpf.MapID

	// mu guards what Switch exchanges.
	mu         sync.Mutex
	programs   map[string]*ebpf.Program
	links      []attachment
	missing    []Missing
	wanted     wanted
	generation uint8
	// tracepoints are read once: later there may be no privilege for it. entryReason says why there are none.
	tracepoints tracepoints
	entryReason error

	critical, bulk *Ring
	tables         *tables
	waiter         *waiter
}

// Load loads the programs and maps the rings; nothing is attached yet. Its errors are those of [Check] where the
// reason is a known one.
func Load(s Settings) (*Probe, error) {
	if err := Check(); err != nil {
		return nil, err
	}
	if s.CriticalBytes == 0 {
		s.CriticalBytes = defaultCritical
	}
	if s.BulkBytes == 0 {
		s.BulkBytes = defaultBulk
	}
	limited := rlimit.RemoveMemlock()
	p, err := load(s)
	if err != nil && limited != nil && errors.Is(err, unix.EPERM) {
		return nil,
			fmt.Errorf("%w; before Linux 5.11 maps count as locked memory: run with CAP_SYS_RESOURCE too, or with ulimit -l unlimited", err)
	}
	return p, err
}

func load(s Settings) (*Probe, error) {
	spec, err := bpfgen.LoadSensor()
	if err != nil {
		return nil, fmt.Errorf("read the embedded programs: %w", err)
	}
	p := &Probe{}
	p.tracepoints, p.entryReason = newTracepoints(s.EntryHook)
	if p.wanted, err = prepare(spec, s, p.generation, p.tracepoints); err != nil {
		return nil, err
	}
	coll, err := p.collect(spec, nil)
	if err != nil {
		return nil, err
	}
	p.programs = coll.Programs
	coll.Programs = nil
	p.all = ownMaps(coll)
	p.ids = mapIDs(p.all)
	if err := coll.Assign(&p.maps); err != nil {
		coll.Close()
		return nil, fmt.Errorf("find the maps: %w", err)
	}
	coll.Close()
	if err := p.openRings(s); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// wanted is what of system calls is wanted.
type wanted struct {
	// syscalls: any.
	syscalls bool
	// entries are the calls whose begin is seen by the tracepoint of each; nil if it is by that of all, or by none.
	entries []string
}

// prepare configures the object and takes out the programs that are not wanted.
func prepare(spec *ebpf.CollectionSpec, s Settings, generation uint8, t tracepoints) (w wanted, err error) {
	entries, syscalls, err := configure(spec, s, generation)
	if err != nil {
		return w, err
	}
	w.syscalls = syscalls
	if !syscalls {
		delete(spec.Programs, bpfgen.SensorProgSysExit)
	}
	atEntry := syscalls && s.EntryCopies
	if atEntry && t.covers(entries) {
		w.entries = entries
	}
	if !atEntry || w.entries != nil {
		delete(spec.Programs, bpfgen.SensorProgSysEnter)
	}
	if len(w.entries) == 0 {
		delete(spec.Programs, bpfgen.SensorProgEnterCall)
	}
	if !s.Types.Has(event.TypeSignalDeliver) {
		delete(spec.Programs, bpfgen.SensorProgSignalDeliver)
	}
	delete(spec.Programs, bpfgen.SensorProgWhoami)
	if len(s.Caller) == 0 {
		for _, p := range spec.Programs {
			p.Instructions = without(p.Instructions, callerFunction)
		}
	}
	return w, nil
}

// callerFunction is what asks about the caller (bpf/helpers/store/caller.h).
const callerFunction = "store__caller"

// configure writes the settings into the object's constants, and leaves out what is for other kernels. It names the calls that keep
// something at their begin, and tells whether any system call is wanted.
func configure(spec *ebpf.CollectionSpec, s Settings, generation uint8) (entries []string, any bool, err error) {
	own, err := ownTgid()
	if err != nil {
		return nil, false, err
	}
	subsys := int32(-1)
	if s.CgroupController != "" {
		if subsys, err = cgroupSubsys(s.CgroupController); err != nil {
			return nil, false, err
		}
	}
	calls := newSyscalls(&s.Types)
	rings, err := newRings(&s.Types)
	if err != nil {
		return nil, false, err
	}
	rings.keep(spec)
	masks := newMasks(s.Masks)
	callers := calls.ask(s.Caller)
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, false, fmt.Errorf("count the processors: %w", err)
	}
	if s.EntryCopies {
		spec.Maps[bpfgen.SensorMapEntryCopies].MaxEntries = uint32(bpfgen.SensorSizesENTRY_COPIES)
	}
	spec.Maps[bpfgen.SensorMapScratch].MaxEntries = uint32(cpus) + 1
	spec.Maps[bpfgen.SensorMapCritical].MaxEntries = uint32(s.CriticalBytes)
	spec.Maps[bpfgen.SensorMapBulk].MaxEntries = uint32(s.BulkBytes)
	return calls.entries(masks), calls.any, errors.Join(
		spec.Variables[bpfgen.SensorVarGeneration].Set(generation),
		spec.Variables[bpfgen.SensorVarOwnTgid].Set(own),
		spec.Variables[bpfgen.SensorVarCgroupSubsys].Set(subsys),
		spec.Variables[bpfgen.SensorVarIteratorSlot].Set(uint32(cpus)),
		spec.Variables[bpfgen.SensorVarEntryCopiesOn].Set(s.EntryCopies),
		spec.Variables[bpfgen.SensorVarSignalRow].Set(uint32(calls.table.Index(event.TypeSignalDeliver))),
		spec.Variables[bpfgen.SensorVarCallerOn].Set(len(s.Caller) > 0),
		spec.Variables[bpfgen.SensorVarCallerParts].Set(callers),
		spec.Variables[bpfgen.SensorVarOpenMasks].Set(masks.opens),
		spec.Variables[bpfgen.SensorVarRowMasks].Set(masks.rows),
		spec.Variables[bpfgen.SensorVarNameMasks].Set(masks.names),
		spec.Variables[bpfgen.SensorVarNameParts].Set(masks.parts),
		spec.Variables[bpfgen.SensorVarAnyName].Set(masks.anyName),
		spec.Variables[bpfgen.SensorVarCallsNative].Set(calls.native),
		spec.Variables[bpfgen.SensorVarCallsCompat].Set(calls.compat),
		spec.Variables[bpfgen.SensorVarRecipes].Set(calls.recipes),
		spec.Variables[bpfgen.SensorVarDataLen].Set(uint32(cmp.Or(s.DataBytes, defaultData))),
		spec.Variables[bpfgen.SensorVarUringOperations].Set(rings.operations),
		spec.Variables[bpfgen.SensorVarUringAnswerIsCqe].Set(rings.answerIsCQE),
		spec.Variables[bpfgen.SensorVarInnerCalls].Set(calls.inner),
	)
}

// ownTgid is the sensor's pid in the initial pid namespace. Before 5.10 the kernel can't be asked for it
// (BPF_PROG_RUN of a raw tracepoint); there the sensor has to be in that namespace.
func ownTgid() (uint32, error) {
	tgid, err := askTgid()
	if err != nil && inInitialPidNamespace() {
		return uint32(os.Getpid()), nil
	}
	return tgid, err
}

// pidInitIno is the inode number of the initial pid namespace (PROC_PID_INIT_INO, linux/proc_ns.h).
const pidInitIno = 0xEFFFFFFC

func inInitialPidNamespace() bool {
	var st unix.Stat_t
	return unix.Stat("/proc/self/ns/pid", &st) == nil && st.Ino == pidInitIno
}

func askTgid() (uint32, error) {
	spec, err := bpfgen.LoadSensor()
	if err != nil {
		return 0, fmt.Errorf("read the embedded programs: %w", err)
	}
	for name := range spec.Programs {
		if name != bpfgen.SensorProgWhoami {
			delete(spec.Programs, name)
		}
	}
	clear(spec.Maps)
	clear(spec.Variables)
	coll, err := ebpf.NewCollection(spec)
	if err != nil {
		return 0, loadError(err)
	}
	defer coll.Close()
	tgid, err := coll.Programs[bpfgen.SensorProgWhoami].Run(&ebpf.RunOptions{})
	if err != nil {
		return 0, fmt.Errorf("ask the kernel for the sensor's own pid: %w; before Linux 5.10 run it in the host's pid namespace", err)
	}
	return tgid, nil
}

// cgroupSubsys finds a controller's index in the running kernel.
func cgroupSubsys(controller string) (int32, error) {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return 0, fmt.Errorf("read the kernel's BTF: %w", err)
	}
	var enum *btf.Enum
	if err := spec.TypeByName("cgroup_subsys_id", &enum); err != nil {
		return 0, fmt.Errorf("find the cgroup controllers in the kernel's BTF: %w", err)
	}
	if controller == "blkio" {
		controller = "io" // the kernel renamed it, the mount did not
	}
	for _, v := range enum.Values {
		if v.Name == controller+"_cgrp_id" {
			return int32(v.Value), nil
		}
	}
	return 0, fmt.Errorf("find cgroup controller %q in the kernel's BTF: it has none of that name", controller)
}

func (p *Probe) openRings(s Settings) error {
	var err error
	if p.critical, err = openRing(p.maps.Critical.FD(), s.CriticalBytes); err != nil {
		return err
	}
	if p.bulk, err = openRing(p.maps.Bulk.FD(), s.BulkBytes); err != nil {
		return err
	}
	if p.tables, err = openTables(&p.maps); err != nil {
		return err
	}
	p.waiter, err = newWaiter(p.maps.Critical.FD(), p.maps.Reader.FD())
	return err
}

// MemoryBytes is what the maps take of the kernel's memory, the rings among them. It is charged to the sensor's cgroup since
// Linux 5.11.
func (p *Probe) MemoryBytes() uint64 {
	var sum uint64
	for _, m := range p.all {
		if info, err := m.Info(); err == nil {
			bytes, _ := info.Memlock()
			sum += bytes
		}
	}
	return sum
}

// Attach starts the capture. A program that can't be attached is missing from then on; it is an error if none can.
func (p *Probe) Attach() error {
	links, missing, err := attach(p.programs, p.tracepoints, p.wanted.entries)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.links, p.missing = links, append(p.missing, missing...)
	return err
}

// attach puts the programs on their hooks. Those that can't be are missing; it is an error if none can.
func attach(loaded map[string]*ebpf.Program, t tracepoints, entries []string) (links []attachment, missing []Missing, err error) {
	var refused []error
	for _, known := range programs {
		prog := loaded[known.name]
		if prog == nil || !known.attached() {
			continue // refused, not wanted, or run when it is needed
		}
		if known.name == bpfgen.SensorProgEnterCall {
			l, err := attachEntries(prog, t, entries)
			if err != nil {
				missing = append(missing, miss(known.name, err)...)
				refused = append(refused, err)
			}
			links = append(links, l...)
			continue
		}
		l, err := link.AttachTracing(link.TracingOptions{Program: prog})
		if err != nil {
			missing = append(missing, miss(known.name, err)...)
			refused = append(refused, fmt.Errorf("attach %s: %w", known.name, err))
			continue
		}
		id, err := linkID(l)
		if err != nil {
			return nil, missing, errors.Join(fmt.Errorf("attach %s: read the link: %w", known.name, err), l.Close(), detach(links))
		}
		links = append(links, attachment{known.name, l, id})
	}
	if len(links) == 0 {
		return nil, missing, errors.Join(refused...)
	}
	return links, missing, nil
}

// Missing lists the programs that this kernel refused so far.
func (p *Probe) Missing() []Missing {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.missing
}

// Detach ends the capture. What is in the rings can still be read.
func (p *Probe) Detach() error {
	p.mu.Lock()
	links := p.links
	p.links = nil
	p.mu.Unlock()
	return detach(links)
}

func detach(links []attachment) error {
	var errs []error
	for _, a := range slices.Backward(links) {
		errs = append(errs, a.link.Close())
	}
	return errors.Join(errs...)
}

// Syscalls tells whether the system-call hook is wanted.
func (p *Probe) Syscalls() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wanted.syscalls
}

// EntriesSeen tells for how many calls the begin is seen by a tracepoint of their own: 0 if it is by that of all calls, for the reason that
// is returned, or no rule needs it.
func (p *Probe) EntriesSeen() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.wanted.entries) == 0 && p.entryReason == nil {
		return 0, errors.New("not each call that keeps something has a tracepoint")
	}
	return len(p.wanted.entries), p.entryReason
}

// Critical and Bulk are the two rings.
func (p *Probe) Critical() *Ring { return p.critical }

// Bulk is the ring of opens, failed execs and new rings of io_uring.
func (p *Probe) Bulk() *Ring { return p.bulk }

// Close releases everything. The rings are invalid afterwards.
func (p *Probe) Close() error {
	errs := []error{p.Detach()}
	if p.waiter != nil {
		errs = append(errs, p.waiter.close())
	}
	for _, r := range []*Ring{p.critical, p.bulk} {
		if r != nil {
			r.close()
		}
	}
	if p.tables != nil {
		p.tables.close()
	}
	for _, prog := range p.programs {
		errs = append(errs, prog.Close())
	}
	return errors.Join(append(errs, p.maps.Close())...)
}

// KernelBTF is where the kernel describes its own types.
const KernelBTF = "/sys/kernel/btf/vmlinux"

// Check tells whether this kernel and these privileges suffice; the error is one line with the remedy.
func Check() error {
	if err := CheckBTF(); err != nil {
		return err
	}
	return CheckPrivileges()
}

// CheckBTF tells whether the kernel describes its types.
func CheckBTF() error {
	if _, err := os.Stat(KernelBTF); err != nil {
		return fmt.Errorf("find the kernel's BTF: %w; the sensor needs a kernel (5.8 or newer) built with CONFIG_DEBUG_INFO_BTF=y", err)
	}
	return nil
}

// CheckPrivileges tells whether the process may load tracing programs.
func CheckPrivileges() error {
	caps, err := effectiveCaps()
	if err != nil {
		return err
	}
	var missing []string
	for _, c := range neededCaps {
		if caps&(1<<c.bit) == 0 && caps&(1<<capSysAdmin) == 0 {
			missing = append(missing, c.name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("load BPF programs: no privilege (missing %s); run as root, or in a container with these capabilities",
			strings.Join(missing, ", "))
	}
	return nil
}
