package stream

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/output/falcopb/outputs"
	"github.com/saker-sensor/saker/internal/output/spool"
)

func historyIn(dir string, bytes int64) *spool.Spool {
	return spool.New(spool.Settings{Dir: dir, MaxBytes: bytes, DropOldest: true})
}

// TestRestart: a client goes on where it was, over a restart; one without a cursor gets as many as memory has.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	first := start(t, Settings{MaxCount: 100, Spool: historyIn(dir, 1<<20)})
	first.write("r", 0, 500)
	got := get(t, first.connect(), &outputs.Request{})
	wantNumbers(t, "without a cursor", got, 400, 100)
	early := get(t, first.connect(), &outputs.Request{Run: got[0].Run, Cursor: 150})
	wantNumbers(t, "from disk and memory", early, 150, 350)
	if early[0].Id != "run-150" || early[0].Cursor != 151 || early[0].OutputFields["n"] != "150" || early[0].Rule != "r" ||
		early[0].Missed != 0 {
		t.Errorf("from disk: %v", early[0])
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := start(t, Settings{MaxCount: 100, Spool: historyIn(dir, 1<<20)})
	wantNumbers(t, "after a restart, nothing new", get(t, second.connect(), &outputs.Request{Run: got[0].Run, Cursor: 500}), 0, 0)
	second.write("r", 500, 20)
	wantNumbers(t, "after a restart", get(t, second.connect(), &outputs.Request{Run: got[0].Run, Cursor: 450}), 450, 70)
	wantNumbers(t, "after a restart, without a cursor", get(t, second.connect(), &outputs.Request{}), 420, 100)
	stream := sub(t, second.connect(), &outputs.Request{Run: got[0].Run, Cursor: 10})
	wantNumbers(t, "sub, from far behind", read(t, stream, 510), 10, 510)
	second.write("r", 520, 3)
	wantNumbers(t, "and what comes", read(t, stream, 3), 520, 3)
	wantNumbers(t, "another run's cursor", get(t, second.connect(), &outputs.Request{Run: "another", Cursor: 1000}), 0, 523)
}

// TestSlowConsumerWithSpool: what falls out of memory before a consumer has read it comes from disk.
func TestSlowConsumerWithSpool(t *testing.T) {
	const n = 20000
	r := start(t, Settings{MaxCount: 100, Spool: historyIn(t.TempDir(), 64<<20)})
	slow := sub(t, r.connect(), &outputs.Request{})
	r.write("r", 0, 1)
	read(t, slow, 1)
	r.write("r", 1, n-1) // more than the connection holds, and more than is kept
	wantNumbers(t, "the slow one", read(t, slow, n-1), 1, n-1)
}

// TestFullHistory: the oldest go, and who missed them is told how many.
func TestFullHistory(t *testing.T) {
	const n = 5000
	r := start(t, Settings{MaxCount: 10, Spool: historyIn(t.TempDir(), 64<<10)})
	r.write("r", 0, 1)
	run := get(t, r.connect(), &outputs.Request{})[0].Run
	r.write("r", 1, n-1)
	got := get(t, r.connect(), &outputs.Request{Run: run, Cursor: 1})
	missed := int(got[0].Missed)
	if missed < n/2 || missed > n-50 || got[0].Cursor != uint64(1+missed) {
		t.Fatalf("missed %d up to %d", missed, got[0].Cursor)
	}
	wantNumbers(t, "what is kept", got[1:], 1+missed, n-1-missed)
	if c := r.SpoolCounters(); c.Bytes > 64<<10 || c.Err != nil || c.Records != uint64(n-1-missed) {
		t.Errorf("got %+v", c)
	}
}

// TestHistoryOnFullDisk: consumers get everything from memory; the disk catches up when it can; no number is given twice, and
// what only memory had is told as missed after a restart.
func TestHistoryOnFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: it mounts a file system")
	}
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	r := start(t, Settings{MaxCount: 5000, Spool: historyIn(dir+"/spool", 64<<20)})
	stream := sub(t, r.connect(), &outputs.Request{})
	r.write("r", 0, 10)
	if err := os.WriteFile(dir+"/ballast", make([]byte, 32<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	r.write("r", 10, 200)
	if c := r.SpoolCounters(); !errors.Is(c.Err, unix.ENOSPC) {
		t.Errorf("on the full disk: %+v", c)
	}
	wantNumbers(t, "on a full disk", read(t, stream, 210), 0, 210)
	run := r.history.run
	// As after a kill: nothing is closed, another one takes over.
	copied := t.TempDir()
	if err := os.CopyFS(copied+"/spool", os.DirFS(dir+"/spool")); err != nil {
		t.Fatal(err)
	}
	killed := start(t, Settings{Spool: historyIn(copied+"/spool", 1<<20)})
	killed.write("r", 2000, 1)
	got := get(t, killed.connect(), &outputs.Request{Run: run, Cursor: 210})
	if len(got) != 1 || got[0].Cursor != 211 || got[0].Run != run {
		t.Errorf("after a kill: %v", got)
	}
	got = get(t, killed.connect(), &outputs.Request{Run: run, Cursor: 5})
	seen := 0
	for _, a := range got {
		seen += max(int(a.Missed), 1)
	}
	if seen != 211-5 {
		t.Errorf("%d alerts and missed ones, want %d", seen, 211-5)
	}

	if err := os.Remove(dir + "/ballast"); err != nil {
		t.Fatal(err)
	}
	next := 210
	for end := time.Now().Add(time.Minute); r.SpoolCounters().Err != nil; next++ {
		if time.Now().After(end) {
			t.Fatalf("the disk is not tried again: %v", r.SpoolCounters().Err)
		}
		r.write("r", next, 1)
		read(t, stream, 1)
		time.Sleep(5 * time.Millisecond) // fewer than memory keeps
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	again := start(t, Settings{MaxCount: 5, Spool: historyIn(dir+"/spool", 64<<20)})
	got = get(t, again.connect(), &outputs.Request{Run: run, Cursor: 5})
	wantNumbers(t, "after the disk has caught up", got, 5, next-5)
}

// TestHistoryWithoutFolder: a folder that can't be had at the start is taken into use once it can, if it is empty; what another
// run has left there is not touched.
func TestHistoryWithoutFolder(t *testing.T) {
	for _, older := range []bool{false, true} {
		t.Run(fmt.Sprint("older alerts ", older), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(dir+"/blocks", nil, 0o600); err != nil {
				t.Fatal(err)
			}
			r := start(t, Settings{MaxCount: 5, Spool: historyIn(dir+"/blocks/spool", 1<<20)})
			r.write("r", 0, 3)
			if r.SpoolCounters().Err == nil {
				t.Error("no trouble")
			}
			if err := os.Remove(dir + "/blocks"); err != nil {
				t.Fatal(err)
			}
			if older {
				first, err := New(Settings{Address: "unix://" + filepath.Join(dir, "sock"), Spool: historyIn(dir+"/blocks/spool", 1<<20),
					Log: zap.NewNop()})
				if err != nil {
					t.Fatal(err)
				}
				first.Start()
				if err := first.Write(output.Message{Text: []byte(`{"rule":"older","time":"2026-07-14T03:33:20Z"}`)}); err != nil {
					t.Fatal(err)
				}
				if err := first.Close(); err != nil {
					t.Fatal(err)
				}
			}
			next := 3
			for end := time.Now().Add(time.Minute); ; next++ {
				if trouble := r.SpoolCounters().Err; older && errors.Is(trouble, errOlder) || !older && trouble == nil {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("the trouble is %v", r.SpoolCounters().Err)
				}
				r.write("r", next, 1)
				time.Sleep(5 * time.Millisecond)
			}
			r.write("r", next, 20)
			next += 20
			got := get(t, r.connect(), &outputs.Request{Run: r.history.run, Cursor: uint64(next - 20)})
			if older {
				if got[0].Missed != 15 {
					t.Errorf("missed %d, want the 15 that memory does not have", got[0].Missed)
				}
				wantNumbers(t, "memory", got[1:], next-5, 5)
				return
			}
			wantNumbers(t, "disk and memory", got, next-20, 20)
		})
	}
}
