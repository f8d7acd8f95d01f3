package probe

import (
	"errors"
	"fmt"
	"maps"

	"github.com/cilium/ebpf"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// program is one program of the object. None needs another one: a kernel that refuses it loses what it feeds, and no more.
type program struct {
	name string
	// kinds are the records of which some, or all, come from this program alone.
	kinds []event.Kind
	// cost says in words what is lost without it.
	cost string
}

// attached tells whether the program has a hook; the others are run when they are needed.
func (p *program) attached() bool {
	return p.name != bpfgen.SensorProgTaskIter && p.name != bpfgen.SensorProgCanary
}

const rewrittenPaths = "paths that were rewritten during a call that failed: they are read when it returns"

// programs are all that stay loaded, in the order in which they are attached: the cgroups come first, so that no
// process runs in one that is unknown.
var programs = []program{
	{bpfgen.SensorProgCgroupMkdir, []event.Kind{event.KindCgroupMade}, "nothing; a container is found when its first event comes"},
	{bpfgen.SensorProgCgroupRmdir, []event.Kind{event.KindCgroupRemoved}, "nothing; ended cgroups leave the table later"},
	{bpfgen.SensorProgSchedProcessFork, []event.Kind{event.KindFork},
		"the names of a process that executed nothing and has ended before it could be looked up in /proc"},
	{bpfgen.SensorProgSchedProcessExit, []event.Kind{event.KindExit},
		"ends of processes, and some memory: processes that ended leave the table later"},
	{bpfgen.SensorProgSchedProcessExec, []event.Kind{event.KindExec},
		"executed programs; the names of a process at other events come from /proc, if it still runs"},
	{bpfgen.SensorProgSysEnter, nil, rewrittenPaths},
	{bpfgen.SensorProgEnterCall, nil, rewrittenPaths},
	{bpfgen.SensorProgSysExit, []event.Kind{event.KindOpen, event.KindExecFailed, event.KindCall},
		"opened files, failed execs, and all other system calls"},
	{bpfgen.SensorProgIoUringCreate, []event.Kind{event.KindUring}, "new rings of io_uring"},
	{bpfgen.SensorProgIoUringComplete, []event.Kind{event.KindOpen, event.KindCall},
		"the results of what rings of io_uring are asked for, and the files that they open"},
	{bpfgen.SensorProgIoUringCqeOverflow, []event.Kind{event.KindOpen, event.KindCall},
		"the same while a ring is full"},
	{bpfgen.SensorProgIoUringSubmitReq, []event.Kind{event.KindOpen, event.KindCall},
		"what rings of io_uring are asked for, or the names of the files that they open"},
	{bpfgen.SensorProgIoUringSubmitSqe, []event.Kind{event.KindOpen, event.KindCall},
		"what rings of io_uring are asked for, or the names of the files that they open"},
	{bpfgen.SensorProgSignalDeliver, nil, "signals that are delivered"},
	{bpfgen.SensorProgSignalGenerate, []event.Kind{event.KindSignal}, "who sends the sensor a signal"},
	{bpfgen.SensorProgCanary, []event.Kind{event.KindCanary}, "the canary of the critical ring"},
	{bpfgen.SensorProgTaskIter, nil, "the names of a process that ran already and has ended before it could be looked up in /proc"},
}

// Missing is a program that this kernel refused to load or to attach.
type Missing struct {
	Program string
	Reason  error
	// Kinds are the records that do not come without it.
	Kinds []event.Kind
	// Cost says in words what is lost.
	Cost string
}

// miss is a missing program; none if it is not known.
func miss(name string, reason error) []Missing {
	for _, known := range programs {
		if known.name == name {
			return []Missing{{name, reason, known.kinds, known.cost}}
		}
	}
	return nil
}

// collect loads the object; where the kernel refuses a program, without it. It fails if nothing is left. The shared maps
// stand for its own of the same names.
func (p *Probe) collect(spec *ebpf.CollectionSpec, shared map[string]*ebpf.Map) (*ebpf.Collection, error) {
	options := ebpf.CollectionOptions{MapReplacements: shared}
	coll, err := ebpf.NewCollectionWithOptions(spec, options)
	if err == nil {
		return coll, nil
	}
	for _, known := range programs {
		if spec.Programs[known.name] == nil {
			continue // not wanted
		}
		alone := spec.Copy()
		maps.DeleteFunc(alone.Programs, func(other string, _ *ebpf.ProgramSpec) bool { return other != known.name })
		c, refused := ebpf.NewCollectionWithOptions(alone, options)
		if refused != nil {
			p.missing = append(p.missing, miss(known.name, refused)...)
			delete(spec.Programs, known.name)
			continue
		}
		c.Close()
	}
	if len(spec.Programs) == 0 {
		return nil, loadError(err)
	}
	if coll, err = ebpf.NewCollectionWithOptions(spec, options); err != nil {
		return nil, loadError(err)
	}
	return coll, nil
}

// loadError shortens the verifier's log to its reason.
func loadError(err error) error {
	var ve *ebpf.VerifierError
	if errors.As(err, &ve) {
		return fmt.Errorf("load the programs: the kernel's verifier refuses them: %w", err)
	}
	return fmt.Errorf("load the programs: %w", err)
}
