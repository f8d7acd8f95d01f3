package probe

import (
	"os"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// sequences are the numbers of a ring's records, by processor.
type sequences map[uint16][]uint64

// read takes all records of a ring that are there. floods counts those that are floods of this process's children.
func (s sequences) read(t *testing.T, r *Ring) (floods int) {
	t.Helper()
	for raw, ok := r.Next(); ok; raw, ok = r.Next() {
		h := (*bpfgen.SensorRecordHeader)(unsafe.Pointer(unsafe.SliceData(raw)))
		if int(h.Size) != len(raw) {
			t.Fatalf("a record of %d bytes says it has %d", len(raw), h.Size)
		}
		s[h.Cpu] = append(s[h.Cpu], h.Seq)
		if isFlood(raw) {
			floods++
		}
	}
	r.Release()
	return floods
}

// isFlood tells whether a record is an open by a child of this process that floods.
func isFlood(raw []byte) bool {
	o := (*bpfgen.SensorOpenRecord)(unsafe.Pointer(unsafe.SliceData(raw)))
	return bpfgen.SensorRecordType(o.H.Type) == bpfgen.SensorRecordTypeRECORD_OPEN &&
		string(raw[unsafe.Sizeof(*o):][:o.RawLen]) == floodPath(os.Getpid())
}

// gaps counts the numbers that are missing. The last ones of each processor must be known not to be: counters tell them.
func (s sequences) gaps(t *testing.T, p *Probe, ring bpfgen.SensorRing) (missing uint64) {
	t.Helper()
	var perCPU []bpfgen.SensorKernelCounters
	if err := p.maps.Counters.Lookup(uint32(0), &perCPU); err != nil {
		t.Fatal(err)
	}
	for cpu := range perCPU {
		last := uint64(0)
		for _, seq := range s[uint16(cpu)] {
			if seq <= last {
				t.Fatalf("cpu %d: number %d after %d", cpu, seq, last)
			}
			missing += seq - last - 1
			last = seq
		}
		missing += perCPU[cpu].Sent[ring] + perCPU[cpu].Lost[ring] - last
	}
	return missing
}

// Nobody reads while far more is opened than the ring holds: every record is either there or counted as lost.
func TestLossIsExact(t *testing.T) {
	const opens = 20_000
	p := loaded(t, Settings{BulkBytes: 16 * os.Getpagesize()})
	if err := p.Attach(); err != nil {
		t.Fatal(err)
	}
	flood := child("open", strconv.Itoa(opens))
	if out, err := flood.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := p.Detach(); err != nil {
		t.Fatal(err)
	}
	k, err := p.Counters()
	if err != nil {
		t.Fatal(err)
	}
	seen := sequences{}
	floods := seen.read(t, p.Bulk())
	read := 0
	for _, s := range seen {
		read += len(s)
	}
	if uint64(read) != k.BulkSent {
		t.Errorf("%d records were sent, %d are there", k.BulkSent, read)
	}
	if gaps := seen.gaps(t, p, bpfgen.SensorRingRING_BULK); gaps != k.BulkLost || gaps == 0 {
		t.Errorf("%d numbers are missing, %d were counted as lost", gaps, k.BulkLost)
	}
	// Other processes open files too, and may have filled the ring before the child.
	if floods > read || k.BulkSent+k.BulkLost < opens {
		t.Errorf("%d opens made %d records and %d losses, of which %d are there", opens, k.BulkSent, k.BulkLost, floods)
	}
	if n := k.LostByKind[event.KindOpen]; n+k.LostByKind[event.KindExecFailed]+k.LostByKind[event.KindCall] != k.BulkLost ||
		k.Lost() != k.BulkLost+k.CriticalLost {
		t.Errorf("lost by kind %v, in all %d of the bulk ring", k.LostByKind, k.BulkLost)
	}
	l := k.Flooder(0)
	if l == nil || l.Key.Tgid != int32(flood.Process.Pid) || l.Key.Start == 0 || l.Comm == "" || l.CgroupID == 0 || l.Votes == 0 ||
		l.Votes > k.BulkLost {
		t.Errorf("the loss is laid at the door of %+v; it was %d's", l, flood.Process.Pid)
	}
	last := uint64(0) // on any processor: the flood may have moved to another one
	for _, l := range k.Losers {
		last = max(last, l.Time)
	}
	if k.Flooder(last) != nil {
		t.Error("somebody lost records after the last loss")
	}
	if k.CriticalLost != 0 || k.CriticalSent == 0 {
		t.Errorf("a flood of opens cost %d of %d records of process life", k.CriticalLost, k.CriticalSent+k.CriticalLost)
	}
}

// The room of what was read is given back: twice as much goes through a small ring as fits into it. Others on the machine may fill it
// between two readings, but never for good.
func TestReleaseMakesRoom(t *testing.T) {
	const atOnce, pages = 400, 256
	p := loaded(t, Settings{BulkBytes: pages * os.Getpagesize()})
	if err := p.Attach(); err != nil {
		t.Fatal(err)
	}
	fit := pages * os.Getpagesize() / int(unsafe.Sizeof(bpfgen.SensorOpenRecord{}))
	seen, floods, opens := sequences{}, 0, 0
	for end := time.Now().Add(2 * time.Minute); floods < 2*fit; opens += atOnce {
		if time.Now().After(end) {
			t.Fatalf("%d records of %d opens arrived; %d fit into the ring at once", floods, opens, fit)
		}
		if out, err := child("open", strconv.Itoa(atOnce)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		floods += seen.read(t, p.Bulk())
		seen.read(t, p.Critical())
		if n := p.Bulk().Pending(); n > uint64(pages*os.Getpagesize()) {
			t.Fatalf("%d bytes wait in a ring of %d", n, pages*os.Getpagesize())
		}
	}
	k, err := p.Counters()
	if err != nil {
		t.Fatal(err)
	}
	if floods > opens || uint64(floods)+k.BulkLost < uint64(opens) {
		t.Errorf("%d of %d records arrived, %d are lost", floods, opens, k.BulkLost)
	}
}

// What is in the rings when the capture ends can be read after it; nothing comes any more.
func TestDetachLeavesTheRings(t *testing.T) {
	p := loaded(t, Settings{BulkBytes: 64 << 20}) // others open files too
	if err := p.Attach(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if out, err := child("open", "50").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if err := p.Detach(); err != nil { // the second child is not seen
			t.Fatal(err)
		}
	}
	seen := sequences{}
	if floods := seen.read(t, p.Bulk()); floods != 50 {
		t.Errorf("%d of 50 records are there", floods)
	}
	if gaps := seen.gaps(t, p, bpfgen.SensorRingRING_BULK); gaps != 0 {
		t.Errorf("%d records are missing", gaps)
	}
	if _, ok := p.Critical().Next(); !ok {
		t.Error("the critical ring is empty")
	}
}

// A record of process life wakes the reader, and so does another goroutine.
func TestWait(t *testing.T) {
	p := loaded(t, Settings{})
	p.Wake()
	before := time.Now()
	if err := p.Wait(deadline); err != nil {
		t.Fatal(err)
	}
	if err := p.Attach(); err != nil {
		t.Fatal(err)
	}
	cmd := child("open", "0")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(deadline); err != nil {
		t.Fatal(err)
	}
	// What has come is still there, so there is no second sleep.
	if err := p.Wait(deadline); err != nil {
		t.Fatal(err)
	}
	if _, ok := p.Critical().Next(); !ok {
		t.Error("woken, but there is no record")
	}
	if asleep := *p.waiter.asleep; asleep != 0 {
		t.Errorf("the reader is awake and says %d: its callers would pay for a wake-up", asleep)
	}
	if time.Since(before) >= deadline {
		t.Error("nobody woke the reader")
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// A mark parts what was there from what came after it.
func TestMark(t *testing.T) {
	p := loaded(t, Settings{BulkBytes: 64 << 20}) // others open files too
	if err := p.Attach(); err != nil {
		t.Fatal(err)
	}
	var mark uint64
	for range 2 {
		if out, err := child("open", "50").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if mark == 0 {
			mark = p.Bulk().Mark()
		}
	}
	floods := 0
	for !p.Bulk().Reached(mark) {
		raw, ok := p.Bulk().Next()
		if !ok {
			t.Fatal("the ring ends before the mark")
		}
		if isFlood(raw) {
			floods++
		}
	}
	if floods != 50 {
		t.Errorf("%d of 50 records are before the mark", floods)
	}
	if rest := (sequences{}).read(t, p.Bulk()); rest != 50 {
		t.Errorf("%d of 50 records are behind it", rest)
	}
}

const deadline = time.Minute

// The iterator names every process that runs, also while others keep running into the hooks.
func TestTasks(t *testing.T) {
	p := loaded(t, Settings{})
	if err := p.Attach(); err != nil {
		t.Fatal(err)
	}
	flood := child("open", "200000")
	if err := flood.Start(); err != nil {
		t.Fatal(err)
	}
	own, other := false, false
	err := p.Tasks(func(raw []byte) error {
		r := (*bpfgen.SensorExecRecord)(unsafe.Pointer(unsafe.SliceData(raw)))
		texts := raw[unsafe.Sizeof(*r):]
		if bpfgen.SensorRecordType(r.H.Type) != bpfgen.SensorRecordTypeRECORD_TASK || int(r.ExePathLen+r.CwdLen) != len(texts) {
			t.Fatalf("a record of type %d, texts of %d+%d bytes in %d", r.H.Type, r.ExePathLen, r.CwdLen, len(texts))
		}
		exe, err := os.Executable()
		if err != nil {
			return err
		}
		switch int(r.H.Tgid) {
		case unix.Getpid():
			own = string(texts[:r.ExePathLen]) == exe && int(r.H.Ppid) == unix.Getppid() && r.AncestorsLen > 0
		case flood.Process.Pid:
			other = string(texts[:r.ExePathLen]) == exe && int(r.Ancestors[0].Tgid) == unix.Getpid()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !own || !other {
		t.Errorf("the own process: %v, its child: %v", own, other)
	}
	if err := flood.Wait(); err != nil {
		t.Fatal(err)
	}
}
