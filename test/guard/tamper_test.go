package guard

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/testutil"
)

// fds are a process's descriptors of a kind, with what the kernel tells of each.
func fds(t *testing.T, pid int, kind string) map[int]map[string]string {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/", pid)
	entries, err := os.ReadDir(dir + "fd")
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]map[string]string{}
	for _, e := range entries {
		if name, err := os.Readlink(filepath.Join(dir, "fd", e.Name())); err != nil || name != "anon_inode:"+kind {
			continue // closed since, or something else
		}
		text, err := os.ReadFile(filepath.Join(dir, "fdinfo", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		info := map[string]string{}
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			info[name] = strings.TrimSpace(value)
		}
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		found[fd] = info
	}
	return found
}

// linkOf finds the link of a program.
func linkOf(t *testing.T, pid int, program string) int {
	t.Helper()
	for fd, info := range fds(t, pid, "bpf_link") {
		id, err := strconv.ParseUint(info["prog_id"], 10, 32)
		if err != nil {
			continue
		}
		p, err := ebpf.NewProgramFromID(ebpf.ProgramID(id))
		if err != nil {
			t.Fatal(err)
		}
		known, err := p.Info()
		p.Close()
		if err != nil {
			t.Fatal(err)
		}
		if known.Name == program {
			return fd
		}
	}
	t.Fatalf("the sensor has no link of %s", program)
	return 0
}

// TestDetach: the kernel does not let anybody take a program off its hook, not even by the link itself.
func TestDetach(t *testing.T) {
	s := serve(t, rules(nowhere))
	fd := linkOf(t, s.Cmd.Process.Pid, "sys_exit")
	id, err := strconv.ParseUint(fds(t, s.Cmd.Process.Pid, "bpf_link")[fd]["link_id"], 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	attr := struct{ id, pad1, pad2, pad3 uint32 }{id: uint32(id)}
	own, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_LINK_GET_FD_BY_ID, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		t.Fatal(errno)
	}
	defer unix.Close(int(own))
	attr.id = uint32(own)
	if _, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_LINK_DETACH, uintptr(unsafe.Pointer(&attr)),
		unsafe.Sizeof(attr)); errno != unix.EOPNOTSUPP {
		t.Errorf("detaching: %v", errno)
	}
	s.Stop()
}

// TestClosedLink: a debugger closes the descriptor that keeps a program on its hook. It is named, and so is what it
// closed; no canary comes back, and no probe of the kubelet finds the sensor healthy.
func TestClosedLink(t *testing.T) {
	s := serve(t, rules(nowhere))
	s.waitMetric(`saker_canary_seen_total{way="hook"} 1`)
	closeIn(t, s.Cmd.Process.Pid, linkOf(t, s.Cmd.Process.Pid, "sys_exit"))
	if a := internal(s.Sensor, "signal for the sensor", "A debugger attached to it by guard.test "); a.Priority != "Critical" ||
		a.Field("ptrace") != "true" {
		t.Errorf("%s %v", a.Priority, a.OutputFields)
	}
	a := internal(s.Sensor, "capture stalled", "link of sys_exit is gone")
	if a.Priority != "Critical" {
		t.Errorf("%s %s", a.Priority, a.Output)
	}
	internal(s.Sensor, "capture stalled", "no canary came back by the system-call hook and bulk ring")
	s.waitHealth(503, "no canary came back by the system-call hook", "link of sys_exit is gone")
	s.waitMetric("saker_healthy 0")
	s.waitMetric("saker_stalls_total 1")
	// What is closed can't be closed again; the sensor ends all the same.
	if err := s.Cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.Ended
}

// TestSilence: when a debugger has closed all that keeps programs on their hooks, and the canary's program too, nothing
// comes from the kernel any more. Falco's alert about that tells when the last record came.
func TestSilence(t *testing.T) {
	s := serve(t, rules(nowhere), "-o", "syscall_event_timeouts.max_consecutives=1")
	s.waitMetric(`saker_canary_seen_total{way="critical"} 1`)
	pid := s.Cmd.Process.Pid
	for _, kind := range []string{"bpf_link", "bpf-prog"} {
		for fd := range fds(t, pid, kind) {
			closeIn(t, pid, fd)
		}
	}
	a := s.Next("the silence", func(a *testutil.Alert) bool { return a.Rule == "Falco internal: timeouts notification" })
	last, err := time.Parse(time.RFC3339Nano, a.Field("last_event_time"))
	if silent := a.Time.Sub(last); err != nil || silent < 2*time.Second || silent > deadline {
		t.Errorf("silent for %v since %v: %v", silent, last, err)
	}
	s.waitHealth(503)
	if err := s.Cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.Ended
}

// TestMovedReadPosition: a process that gets at the critical ring's map says again and again that all was read. That is
// seen, put right each time, and over when it ends.
func TestMovedReadPosition(t *testing.T) {
	s := serve(t, rules(nowhere))
	s.waitHealth(200)
	position := consumerPage(t, s.Cmd.Process.Pid, "critical")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticks := time.NewTicker(time.Millisecond)
		defer ticks.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticks.C:
				atomic.StoreUint64(position, 1<<60)
			}
		}
	}()
	a := internal(s.Sensor, "capture stalled", "read position of the critical ring was moved by another process")
	s.waitHealth(503, "read position of the critical ring")
	close(stop)
	<-done
	if b := internal(s.Sensor, "capture restored", "It was stalled for "); b.Priority != "Notice" || a.Priority != "Critical" {
		t.Errorf("%s, then %s", a.Priority, b.Priority)
	}
	s.waitHealth(200)
	s.Stop()
}

// consumerPage maps where a ring's reader says how far it has come.
func consumerPage(t *testing.T, pid int, name string) *uint64 {
	t.Helper()
	for _, info := range fds(t, pid, "bpf-map") {
		id, err := strconv.ParseUint(info["map_id"], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		m, err := ebpf.NewMapFromID(ebpf.MapID(id))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		known, err := m.Info()
		if err != nil {
			t.Fatal(err)
		}
		if known.Name != name {
			continue
		}
		page, err := unix.Mmap(m.FD(), 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Munmap(page) })
		return (*uint64)(unsafe.Pointer(&page[0]))
	}
	t.Fatalf("the sensor has no map %s", name)
	return nil
}
