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
	// UringUnmatched requests to rings of io_uring were told without what became of them, or opens without their name: too many
	// were in flight at once.
	UringUnmatched uint64
	// EntryMissing failed calls had no copy of their path from entry: it was not in memory then, or another thread had
	// the place.
	EntryMissing uint64
	// CallerMissing records were so long that what rules ask of the caller had no room.
	CallerMissing uint64
	// Losers are those who lost most, one of each processor that lost any.
	Losers []Loser
}

// Loser is a process that met a full ring more often than all others together, lately and on one processor.
type Loser struct {
	Key      event.Key
	CgroupID uint64
	Comm     string
	// Votes is by how much; see bpf/helpers/store/loser.h. Time is that of its last lost record, ns since boot.
	Votes, Time uint64
}

// Flooder returns who lost most of those that lost anything after a time (ns since boot). Its votes are those of all
// processors, its time the latest; nil if there is none.
func (c *Counters) Flooder(after uint64) *Loser {
	var most *Loser
	losers := map[event.Key]*Loser{}
	for _, l := range c.Losers {
		if l.Time <= after {
			continue
		}
		if known := losers[l.Key]; known != nil { // it has moved to another processor
			l.Votes += known.Votes
			l.Time = max(l.Time, known.Time)
		}
		losers[l.Key] = &l
		if most == nil || most.Key == l.Key || l.Votes > most.Votes {
			most = &l
		}
	}
	return most
}

// Lost is the number of records that the rings had no room for.
func (c *Counters) Lost() uint64 { return c.CriticalLost + c.BulkLost }

var lostKinds = map[bpfgen.SensorRecordType]event.Kind{
	bpfgen.SensorRecordTypeRECORD_EXEC:           event.KindExec,
	bpfgen.SensorRecordTypeRECORD_FORK:           event.KindFork,
	bpfgen.SensorRecordTypeRECORD_EXIT:           event.KindExit,
	bpfgen.SensorRecordTypeRECORD_OPEN:           event.KindOpen,
	bpfgen.SensorRecordTypeRECORD_EXEC_FAILED:    event.KindExecFailed,
	bpfgen.SensorRecordTypeRECORD_IO_URING_SETUP: event.KindUring,
	bpfgen.SensorRecordTypeRECORD_CGROUP_MKDIR:   event.KindCgroupMade,
	bpfgen.SensorRecordTypeRECORD_CGROUP_RMDIR:   event.KindCgroupRemoved,
	bpfgen.SensorRecordTypeRECORD_CANARY:         event.KindCanary,
	bpfgen.SensorRecordTypeRECORD_SIGNAL:         event.KindSignal,
	bpfgen.SensorRecordTypeRECORD_CALL:           event.KindCall,
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
		c.UringUnmatched += k.UringUnmatched
		c.EntryMissing += k.EntryMissing
		c.CallerMissing += k.CallerMissing
		for wire, kind := range lostKinds {
			if n := k.LostByType[wire]; n > 0 {
				c.LostByKind[kind] += n
			}
		}
		if l := &k.Loser; l.Time != 0 {
			c.Losers = append(c.Losers, Loser{
				Key: event.Key{Tgid: int32(l.Tgid), Start: l.StartTime}, CgroupID: l.CgroupId, Comm: commOf(l.Comm[:]),
				Votes: l.Votes, Time: l.Time,
			})
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
