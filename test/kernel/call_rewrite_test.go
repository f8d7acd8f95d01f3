package kernel

import (
	"errors"
	"os"
	"regexp"
	"runtime"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// The two names that a path has by turns: they differ by one word of four bytes, which another thread exchanges.
const (
	firstName  = "/nowhere/to/good"
	secondName = "/nowhere/to/evil"
)

// rewrites is how often the calls are made in one run. A call meets the exchange in about every second try, unless other processes keep
// the rewriting thread from its processor: then there are up to rewriteRuns of them.
const (
	rewrites    = 500
	rewriteRuns = 20
)

// rewriteCallTrigger makes calls that fail while another thread, on another processor, rewrites their path.
func rewriteCallTrigger([]string) (any, error) {
	m := &maker{call6: unix.RawSyscall6}
	err := m.run(func(m *maker) {
		path := m.bytes(firstName)
		other := m.bytes("/nowhere/else")
		word := (*uint32)(unsafe.Pointer(&path[len(firstName)-4]))
		first, second := *word, *(*uint32)(unsafe.Pointer(unsafe.StringData(secondName[len(secondName)-4:])))
		stop, started, stopped := new(atomic.Bool), make(chan error), make(chan bool)
		go func() {
			runtime.LockOSThread()
			started <- spread()
			for !stop.Load() {
				atomic.StoreUint32(word, second)
				atomic.StoreUint32(word, first)
			}
			stopped <- true
		}()
		m.note(<-started)
		for range rewrites {
			m.row, m.nr = "unlinkat", unix.SYS_UNLINKAT
			m.call(unix.ENOENT, word64(unix.AT_FDCWD), word64(int64(at(path))), word64(0))
			m.row, m.nr = "renameat", unix.SYS_RENAMEAT
			m.call(unix.ENOENT, word64(unix.AT_FDCWD), word64(int64(at(other))), word64(unix.AT_FDCWD), word64(int64(at(path))))
		}
		stop.Store(true)
		<-stopped
	})
	return m.facts, err
}

func word64(n int64) arg { return word(uintptr(n)) }

// spread lets the thread run on all processors but the one that the trigger is pinned to.
func spread() error {
	var set unix.CPUSet
	for cpu := range 1024 {
		set.Set(cpu)
	}
	set.Clear(int(currentCPU()))
	err := unix.SchedSetaffinity(0, &set)
	if errors.Is(err, unix.EINVAL) {
		return nil // there is no other
	}
	return err
}

// A path that only the caller's memory has is seen as it was at the call's begin, and what became of it beside.
func TestRewrittenCall(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("needs two processors: one that calls, one that rewrites")
	}
	if emulated() {
		t.Skip("needs two processors at the same time: those of an emulated machine take turns")
	}
	rewritten := map[string]int{}
	for range rewriteRuns {
		countRewritten(t, rewritten)
		if len(rewritten) == 2 {
			return
		}
	}
	t.Errorf("of %d runs of %d calls of unlinkat and of renameat, those seen to be rewritten are %v", rewriteRuns, rewrites, rewritten)
}

// emulated tells whether QEMU emulates this machine's processors: they have a name of their own, and on arm64 a number.
func emulated() bool {
	cpu, _ := os.ReadFile("/proc/cpuinfo")
	return regexp.MustCompile(`QEMU TCG|CPU part\s*: 0x051\n`).Match(cpu)
}

// countRewritten runs the trigger once, and checks and counts the calls whose path was rewritten.
func countRewritten(t *testing.T, rewritten map[string]int) {
	t.Helper()
	var facts []rowFacts
	c := trigger(t, &facts, "rewrite call")
	for _, f := range facts {
		typ, _ := event.TypeByName(f.Row)
		ev := c.callOf(t, typ, &f)
		if ev == nil {
			continue
		}
		for _, p := range ev.Params {
			if p.Text == "" || p.Text == "/nowhere/else" {
				continue
			}
			if p.Given != firstName && p.Given != secondName {
				t.Fatalf("%s: given %q", f.Row, p.Given)
			}
			if p.AtExit != "" {
				rewritten[f.Row]++
			}
			other := map[string]string{firstName: secondName, secondName: firstName}[p.Given]
			if changed := ev.Flags&event.FlagNameChanged != 0; p.AtExit != "" && p.AtExit != other || changed != (p.AtExit != "") {
				t.Fatalf("%s: given %q, at its end %q, marked as changed: %v", f.Row, p.Given, p.AtExit, changed)
			}
		}
	}
}
