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
	t.Logf("%d calls, -seed %d", *calls, *seed)
	if enabled, _ := ia32.Enabled(); !enabled {
		t.Log("no call is made by the 32-bit entry: that " + ia32.Needed)
	}
	r := newReader(t)
	facts, end := startCaller(t, r)
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
	if made < *calls {
		t.Errorf("%d calls were made, want %d", made, *calls)
	}
	t.Logf("%d records compared; of %d names below a folder that is renamed all the time %d are cut there", made, moving, cutThere)
	// A walk gives up if a rename is not at its end for as long as it tries: the renamer's processor was taken away.
	if cutThere*1000 > moving+10_000 {
		t.Errorf("the walk gives up on more than one in a thousand")
	}
}

// startCaller runs the caller and passes on its facts, those of a thread in their order. end waits for its end.
func startCaller(t *testing.T, r *reader) (facts <-chan *fact, end func()) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command(exe, dir, strconv.FormatUint(*seed, 10), strconv.Itoa(*calls))
	// A signal from the Go runtime would interrupt calls; the race detector sleeps for a second before it exits.
	cmd.Env = append(os.Environ(), roleVar+"="+roleCaller, "GODEBUG=asyncpreemptoff=1", "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	cmd.Stderr = os.Stderr
	out := make(chan *fact, 1<<12)
	left := make(chan error, threads)
	for range threads {
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
		for range threads {
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

func readFacts(from io.Reader, to chan<- *fact) error {
	for dec := gob.NewDecoder(from); ; {
		f := &fact{}
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
