package narrow

import (
	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// Process is what the kernel tells processes apart by when it looks for a verdict: while it is the same, so are the values of the fields
// that a verdict is about.
type Process struct {
	Tgid, Ppid int32
	// Start is the thread group leader's, in ns since boot.
	Start      uint64
	ExecID     uint64
	EUID, EGID uint32
	CgroupID   uint64
	// Changes counts how often a process with children has executed another image, or ended: it stands for the ancestors.
	Changes    uint64
	Generation uint8
}

// ProcessOf is that of the process that made an event.
func ProcessOf(ev *event.Event, changes uint64) Process {
	p := ev.Process
	return Process{
		Tgid: ev.Tgid, Ppid: p.Ppid, Start: ev.Key.Start, ExecID: ev.ExecID, EUID: p.EUID, EGID: p.EGID, CgroupID: ev.CgroupID,
		Changes: changes, Generation: ev.Generation,
	}
}

// Verdict says which rules may match an event of a process.
type Verdict struct {
	Tag, Mask, Flags uint64
}

// Verdict makes the process's verdict (bpf/helpers/narrow/process.h computes the same tag).
func (p *Process) Verdict(mask uint64, container bool) Verdict {
	v := Verdict{Mask: mask}
	if container {
		v.Flags = uint64(bpfgen.SensorVerdictFlagsVERDICT_CONTAINER)
	}
	v.Tag = hashWord(hashWord(p.hash(), v.Flags<<8|uint64(p.Generation)), mask)
	return v
}

func (p *Process) hash() uint64 {
	hash := hashWord(hashStart, uint64(uint32(p.Ppid))<<32|uint64(uint32(p.Tgid)))
	for _, word := range [...]uint64{p.Start, p.ExecID, uint64(p.EGID)<<32 | uint64(p.EUID), p.CgroupID, p.Changes} {
		hash = hashWord(hash, word)
	}
	return hash
}
