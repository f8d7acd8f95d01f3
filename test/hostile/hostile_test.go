package hostile

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/ia32"
	"github.com/saker-sensor/saker/internal/testutil"
)

const (
	// threads make calls at the same time.
	threads = 4
	// maxFailures are printed before the test gives up.
	maxFailures = 20
	// deadline bounds the wait for a record whose fact has come, and for a fact.
	deadline = time.Minute
)

func TestHostile(t *testing.T) {
	testutil.Alone(t)
	count := *calls - rowCalls()
	t.Logf("%d calls, -seed %d", count, *seed)
	if enabled, _ := ia32.Enabled(); !enabled {
		t.Log("no call is made by the 32-bit entry: that " + ia32.Needed)
	}
	r := newReader(t)
	facts, end := startCaller[fact](t, r, again{
		role: roleCaller, threads: threads, args: []string{t.TempDir(), strconv.FormatUint(*seed, 10), strconv.Itoa(count)},
		attr: &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS},
	})
	made, failures, moving, cutThere := 0, 0, 0, 0
	for f := range facts {
		s := r.next(f.Tid)
		if s == nil {
			r.checkLoss()
			t.Fatalf("no record came of %s", f.Call)
		}
		made++
		if diff := f.differences(s); diff != nil {
			t.Errorf("%s:", f.Call)
			for _, d := range diff {
				t.Log("  ", d)
			}
			if failures++; failures == maxFailures {
				t.Fatal("and more")
			}
		}
		moving, cutThere = moving+f.moving, cutThere+f.cutThere
		if made%64 == 0 {
			r.drain()
		}
	}
	end()
	r.drain()
	r.checkLoss()
	r.checkRest()
	if len(r.begun) < threads {
		t.Errorf("%d threads made calls, want %d", len(r.begun), threads)
	}
	if made < count {
		t.Errorf("%d calls were made, want %d", made, count)
	}
	t.Logf("%d records compared; of %d names below a folder that is renamed all the time %d are cut there", made, moving, cutThere)
	// A walk gives up if a rename is not at its end for as long as it tries: the renamer's processor was taken away.
	if cutThere*1000 > moving+10_000 {
		t.Errorf("the walk gives up on more than one in a thousand")
	}
}

// again is a caller: the test binary run anew.
type again struct {
	role    string
	threads int
	args    []string
	attr    *syscall.SysProcAttr
}

// startCaller runs a caller and passes on its facts, those of a thread in their order. end waits for its end.
func startCaller[F any](t *testing.T, r *reader, p again) (facts <-chan *F, end func()) {
	t.Helper()
	// By this name, because the one that it has may be in a folder that the caller can't see.
	cmd := exec.Command("/proc/self/exe", p.args...)
	// A signal from the Go runtime would interrupt calls; the race detector sleeps for a second before it exits.
	cmd.Env = append(os.Environ(), roleVar+"="+p.role, "GODEBUG=asyncpreemptoff=1", "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = p.attr
	cmd.SysProcAttr.Pdeathsig = unix.SIGKILL
	cmd.Stderr = os.Stderr
	out := make(chan *F, 1<<12)
	left := make(chan error, p.threads)
	for range p.threads {
		from, to, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.ExtraFiles = append(cmd.ExtraFiles, to)
		go func() {
			defer from.Close()
			left <- readFacts(from, out)
		}()
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
	r.caller = int32(cmd.Process.Pid)
	go func() {
		for range p.threads {
			if err := <-left; err != nil {
				t.Error(err)
			}
		}
		close(out)
	}()
	return out, func() {
		if err := cmd.Wait(); err != nil {
			t.Errorf("the caller: %v", err)
		}
	}
}

func readFacts[F any](from io.Reader, to chan<- *F) error {
	for dec := gob.NewDecoder(from); ; {
		f := new(F)
		err := dec.Decode(f)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the caller's facts: %w", err)
		}
		to <- f
	}
}
