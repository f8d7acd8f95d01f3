package probe

import (
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// canaries are the numbers of the canaries in a ring.
func canaries(t *testing.T, r *Ring) (numbers []uint64) {
	t.Helper()
	for raw, ok := r.Next(); ok; raw, ok = r.Next() {
		c := (*bpfgen.SensorCanaryRecord)(unsafe.Pointer(unsafe.SliceData(raw)))
		if bpfgen.SensorRecordType(c.H.Type) == bpfgen.SensorRecordTypeRECORD_CANARY {
			if int(c.H.Tgid) != os.Getpid() || len(raw) != int(unsafe.Sizeof(*c)) {
				t.Errorf("a canary of process %d, %d bytes", c.H.Tgid, len(raw))
			}
			numbers = append(numbers, c.Number)
		}
	}
	r.Release()
	return numbers
}

// A canary comes back by each way, whatever calls the rules are about; nothing else of the sensor's own does, and
// nobody else can make one.
func TestCanary(t *testing.T) {
	needRoot(t)
	for _, typ := range []event.Type{event.TypeOpenat, event.TypeOpenByHandleAt, event.TypeExecve} {
		t.Run(typ.String(), func(t *testing.T) {
			var types event.TypeSet
			types.Add(typ)
			p, err := Load(Settings{Types: types})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if err := p.Attach(); err != nil {
				t.Fatal(err)
			}
			const first, second = 1 << 40, 1<<40 + 1
			for _, n := range []uint64{first, second} {
				if !p.CallCanary(n) {
					t.Fatal("the hook is not wanted")
				}
				if err := p.RingCanary(n); err != nil {
					t.Fatal(err)
				}
			}
			_, _ = unix.Openat(unix.AT_FDCWD, "/nowhere/canary", unix.O_RDONLY, 0)
			if out, err := child("canary").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for name, r := range map[string]*Ring{"critical": p.Critical(), "bulk": p.Bulk()} {
				if got := canaries(t, r); len(got) != 2 || got[0] != first || got[1] != second {
					t.Errorf("canaries %v in the %s ring", got, name)
				}
			}
		})
	}
}

// forgeCanary makes the canary's call in a process that is not the sensor.
func forgeCanary([]string) error {
	_, _, _ = unix.Syscall(canaryCall, uintptr(bpfgen.SensorCanaryCallCANARY_DIRFD), 0, 5)
	return nil
}

// Without the hook only the critical ring's canary is made.
func TestCanaryWithoutHook(t *testing.T) {
	needRoot(t)
	p, err := Load(Settings{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.CallCanary(1) {
		t.Error("a call was made that nothing records")
	}
	if err := p.RingCanary(2); err != nil {
		t.Fatal(err)
	}
	if got := canaries(t, p.Critical()); len(got) != 1 || got[0] != 2 {
		t.Errorf("canaries %v", got)
	}
}

// signals are those that were sent to the sensor, by the sender's pid.
func signals(r *Ring) map[int][]bpfgen.SensorSignalRecord {
	all := map[int][]bpfgen.SensorSignalRecord{}
	for raw, ok := r.Next(); ok; raw, ok = r.Next() {
		s := (*bpfgen.SensorSignalRecord)(unsafe.Pointer(unsafe.SliceData(raw)))
		if bpfgen.SensorRecordType(s.H.Type) == bpfgen.SensorRecordTypeRECORD_SIGNAL {
			all[int(s.H.Tgid)] = append(all[int(s.H.Tgid)], *s)
		}
	}
	r.Release()
	return all
}

// A signal of another process names its sender; the sensor's own, and what ends nothing, is of no interest.
func TestSignal(t *testing.T) {
	p := loaded(t, Settings{})
	if err := p.Attach(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(os.Getpid(), unix.SIGURG); err != nil {
		t.Fatal(err)
	}
	sh := exec.Command("sh", "-c", "kill -STOP $PPID & kill -CONT $PPID; kill -URG $PPID; wait; kill -CONT $PPID")
	if out, err := sh.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	all := signals(p.Critical())
	if len(all) != 1 {
		t.Fatalf("signals %+v", all)
	}
	for pid, sent := range all {
		if pid == os.Getpid() || len(sent) != 1 || sent[0].Number != uint32(unix.SIGSTOP) || sent[0].H.Ppid != uint32(sh.Process.Pid) {
			t.Errorf("process %d sent %+v", pid, sent)
		}
		if bpfgen.SensorSignalOrigin(sent[0].Origin) != bpfgen.SensorSignalOriginSIGNAL_SENT {
			t.Errorf("origin %d", sent[0].Origin)
		}
	}
}

// Every link and map is looked at; a descriptor that is closed, or another's now, is named.
func TestIntact(t *testing.T) {
	p := loaded(t, Settings{})
	if err := p.Attach(); err != nil {
		t.Fatal(err)
	}
	if err := p.Intact(); err != nil {
		t.Fatal(err)
	}
	fds := map[string]int{"map counters": p.maps.Counters.FD(), "map bulk": p.maps.Bulk.FD()}
	for _, a := range p.links {
		fds["link of "+a.name] = a.link.(interface{ FD() int }).FD()
	}
	if len(fds) < 6 {
		t.Fatalf("links and maps %v", fds)
	}
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(null)
	other, err := unix.FcntlInt(uintptr(p.maps.Critical.FD()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(other)
	for name, fd := range fds {
		saved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		// The number is never free, so that nothing else of this process gets it.
		for _, instead := range []int{null, other} {
			if err := unix.Dup3(instead, fd, unix.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			err := p.Intact()
			if err == nil || !strings.Contains(err.Error(), name+" is gone") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s was replaced: %v", name, err)
			}
		}
		if err := unix.Dup3(saved, fd, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		unix.Close(saved)
		if err := p.Intact(); err != nil {
			t.Fatalf("%s is back: %v", name, err)
		}
	}
}

// The consumer's position is writable to whoever gets at the map: a move is noticed and put right, and what the kernel
// wrote over in between is skipped.
func TestMovedReadPosition(t *testing.T) {
	const pages = 16
	p := loaded(t, Settings{BulkBytes: pages * os.Getpagesize()})
	if err := p.Attach(); err != nil {
		t.Fatal(err)
	}
	page, err := unix.Mmap(p.maps.Bulk.FD(), 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(page)
	position := (*uint64)(unsafe.Pointer(&page[0]))

	// As if everything had been read: the kernel goes round the ring and writes over what was not.
	for range 20 {
		if out, err := child("open", "100").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		atomic.StoreUint64(position, atomic.LoadUint64(p.bulk.producer))
	}
	for _, ok := p.Bulk().Next(); ok; _, ok = p.Bulk().Next() {
	}
	if err := p.Intact(); err == nil || !strings.Contains(err.Error(), "read position of the bulk ring was moved") {
		t.Errorf("got %v", err)
	}
	if err := p.Intact(); err != nil {
		t.Errorf("it was put right: %v", err)
	}

	// Far ahead: no record finds room until the reader comes.
	atomic.StoreUint64(position, 1<<60)
	p.CallCanary(1)
	if err := p.Intact(); err == nil {
		t.Error("the move was not noticed")
	}
	if got := canaries(t, p.Bulk()); len(got) != 0 {
		t.Errorf("canaries %v", got)
	}
	p.CallCanary(2)
	if got := canaries(t, p.Bulk()); len(got) != 1 || got[0] != 2 {
		t.Errorf("canaries %v", got)
	}
}
