package probe

import (
	"bytes"
	"fmt"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// Counters are what the kernel programs counted since they were loaded, over all processors.
type Counters struct {
	// Sent records reached their ring, lost ones found it full.
	CriticalSent, CriticalLost uint64
	BulkSent, BulkLost         uint64
	// LostByKind splits the lost ones.
	LostByKind map[event.Kind]uint64
	// PathTruncated paths were deeper or longer than the walk goes; RawUnreadable path strings were not in memory;
	// FileGone descriptors were closed before they could be looked up; Oversize records did not fit the buffer.
	PathTruncated, RawUnreadable, FileGone, Oversize uint64
	// LastLost names the last task that met a full ring.
	LastLost Loser
}

// Loser is a task that met a full ring.
type Loser struct {
	Tgid     int32
	CgroupID uint64
	Comm     string
}

// Lost is the number of records that the rings had no room for.
func (c *Counters) Lost() uint64 { return c.CriticalLost + c.BulkLost }

var lostKinds = map[bpfgen.SensorRecordType]event.Kind{
	bpfgen.SensorRecordTypeRECORD_EXEC:         event.KindExec,
	bpfgen.SensorRecordTypeRECORD_FORK:         event.KindFork,
	bpfgen.SensorRecordTypeRECORD_EXIT:         event.KindExit,
	bpfgen.SensorRecordTypeRECORD_OPEN:         event.KindOpen,
	bpfgen.SensorRecordTypeRECORD_EXEC_FAILED:  event.KindExecFailed,
	bpfgen.SensorRecordTypeRECORD_CGROUP_MKDIR: event.KindCgroupMade,
	bpfgen.SensorRecordTypeRECORD_CGROUP_RMDIR: event.KindCgroupRemoved,
}

// Counters reads the kernel's counters.
func (p *Probe) Counters() (Counters, error) {
	var perCPU []bpfgen.SensorKernelCounters
	if err := p.maps.Counters.Lookup(uint32(0), &perCPU); err != nil {
		return Counters{}, fmt.Errorf("read the kernel's counters: %w", err)
	}
	c := Counters{LostByKind: map[event.Kind]uint64{}}
	for i := range perCPU {
		k := &perCPU[i]
		c.CriticalSent += k.Sent[bpfgen.SensorRingRING_CRITICAL]
		c.CriticalLost += k.Lost[bpfgen.SensorRingRING_CRITICAL]
		c.BulkSent += k.Sent[bpfgen.SensorRingRING_BULK]
		c.BulkLost += k.Lost[bpfgen.SensorRingRING_BULK]
		c.PathTruncated += k.PathTruncated
		c.RawUnreadable += k.RawUnreadable
		c.FileGone += k.FileGone
		c.Oversize += k.Oversize
		for wire, kind := range lostKinds {
			if n := k.LostByType[wire]; n > 0 {
				c.LostByKind[kind] += n
			}
		}
		if k.LastLostTgid != 0 {
			c.LastLost = Loser{Tgid: int32(k.LastLostTgid), CgroupID: k.LastLostCgroup, Comm: commOf(k.LastLostComm[:])}
		}
	}
	return c, nil
}

func commOf(c []int8) string {
	b := make([]byte, 0, len(c))
	for _, ch := range c {
		b = append(b, byte(ch))
	}
	name, _, _ := bytes.Cut(b, []byte{0})
	return string(name)
}
