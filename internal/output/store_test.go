package output_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/output/outputtest"
	"github.com/saker-sensor/saker/internal/output/spool"
)

func spooled(s output.QueueSettings, sink output.Sink, dir string, bytes int64) *output.Queue {
	q := output.NewQueue(s, output.Named{Name: "inbox", Sink: sink, Spool: spool.New(spool.Settings{Dir: dir, MaxBytes: bytes})})
	q.Start()
	return q
}

// awayInbox is a sink that fails from the start.
func awayInbox() *outputtest.Inbox {
	b := &outputtest.Inbox{}
	b.SetAway(true)
	return b
}

// onDisk waits until everything that was queued is kept.
func onDisk(t *testing.T, q *output.Queue) {
	t.Helper()
	outputtest.Until(t, "all on disk", func() bool { return q.Counters().Waiting == 0 })
}

// A sink that is away delays nobody, not even the end; what it did not get is there for the next run, with the same ids.
func TestSpoolOutlivesTheQueue(t *testing.T) {
	for _, keeps := range []bool{false, true} {
		t.Run(fmt.Sprint("keeps back ", keeps), func(t *testing.T) {
			dir, b := filepath.Join(t.TempDir(), "spool"), &outputtest.Inbox{HoldsBack: keeps}
			q := spooled(outputtest.QuickRetries(), b, dir, 1<<20)
			outputtest.PutNumbered(q, 0, 10)
			outputtest.Until(t, "ten", func() bool { return b.Count() == 10 })
			b.SetAway(true)
			outputtest.PutNumbered(q, 10, 1000)
			onDisk(t, q)
			outputtest.Until(t, "a try", b.Tried)
			begin := time.Now()
			if err := q.Close(outputtest.Deadline(t)); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("closing waits %s for a sink that is away", took)
			}
			c := q.Counters().SinkTotals
			if outputtest.CheckSum(t, c); c.Written != 10 || c.Kept != 990 || c.Lost != 0 {
				t.Errorf("first run: %+v", c)
			}
			b.SetAway(false)
			b.Forget() // it went with its process
			q = spooled(outputtest.QuickRetries(), b, dir, 1<<20)
			outputtest.PutNumbered(q, 1000, 1010)
			if err := q.Close(outputtest.Deadline(t)); err != nil {
				t.Fatal(err)
			}
			b.Check(t, 0, 1010)
			c = q.Counters().SinkTotals
			if outputtest.CheckSum(t, c); c.Restored != 990 || c.Written != 1000 || c.Kept != 0 {
				t.Errorf("second run: %+v", c)
			}
		})
	}
}

// A sink that hangs is left alone at the deadline, and what it has not confirmed stays.
func TestHungSinkKeepsItsSpool(t *testing.T) {
	dir, hung := t.TempDir(), &lines{gate: make(chan struct{}), entered: make(chan struct{}, 1)}
	q := spooled(outputtest.QuickRetries(), hung, dir, 1<<20)
	outputtest.PutNumbered(q, 0, 5)
	<-hung.entered
	onDisk(t, q)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := q.Close(ctx); err != nil {
		t.Error(err)
	}
	if c := q.Counters().SinkTotals; c.Kept != 5 || c.Lost != 0 {
		t.Errorf("got %+v", c)
	}
	b := &outputtest.Inbox{}
	again := spooled(outputtest.QuickRetries(), b, dir, 1<<20) // the folder is free, though the worker is not
	if err := again.Close(outputtest.Deadline(t)); err != nil {
		t.Fatal(err)
	}
	b.Check(t, 0, 5)
	close(hung.gate)
	<-q.Done(0)
}

// What the spool has no room for waits in memory, and beyond that the newest is dropped and counted.
func TestFullSpool(t *testing.T) {
	s := outputtest.QuickRetries()
	s.Capacity = 100
	b := awayInbox()
	q := spooled(s, b, t.TempDir(), 20_000)
	taken := 0
	outputtest.Until(t, "a drop", func() bool {
		taken += outputtest.PutNumbered(q, taken, taken+1)
		return q.Counters().Dropped > 0
	})
	c := q.Counters().Sinks[0]
	if !errors.Is(c.Spool.Err, spool.ErrFull) || c.Spool.Bytes > 20_000 || c.Spool.Records < 100 {
		t.Errorf("got %+v", c.Spool)
	}
	b.SetAway(false)
	outputtest.Until(t, "all delivered", func() bool { return b.Count() == taken })
	outputtest.Until(t, "on disk again", func() bool {
		taken += outputtest.PutNumbered(q, taken, taken+1)
		return trouble(q) == nil
	})
	if err := q.Close(outputtest.Deadline(t)); err != nil {
		t.Fatal(err)
	}
	b.Check(t, 0, taken)
	outputtest.CheckSum(t, q.Counters().SinkTotals)
}

// A folder that can't be made costs the outliving alone; it comes back by itself.
func TestUnwritableFolder(t *testing.T) {
	dir, b := t.TempDir(), &outputtest.Inbox{}
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	q := spooled(outputtest.QuickRetries(), b, dir+"/file/spool", 1<<20)
	outputtest.PutNumbered(q, 0, 100)
	outputtest.Until(t, "delivered from memory", func() bool { return b.Count() == 100 })
	if c := q.Counters().Sinks[0]; c.Spool.Err == nil || !strings.Contains(c.Spool.Err.Error(), "open the spool "+dir+"/file/spool: ") {
		t.Errorf("the trouble is %v", c.Spool.Err)
	}
	if err := os.Remove(dir + "/file"); err != nil {
		t.Fatal(err)
	}
	next := 100
	outputtest.Until(t, "kept again", func() bool {
		next += outputtest.PutNumbered(q, next, next+1)
		return q.Counters().Sinks[0].Spool.Bytes > 0
	})
	if err := q.Close(outputtest.Deadline(t)); err != nil {
		t.Fatal(err)
	}
	b.Check(t, 0, next)
	outputtest.CheckSum(t, q.Counters().SinkTotals)
}

// smallDisk is a tmpfs of its own.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: it mounts a file system")
	}
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// On a full disk alerts wait in memory; once there is room, they are kept again. None is lost, and the order stays.
func TestFullDisk(t *testing.T) {
	const n = 5000
	dir, b := smallDisk(t, "256k"), awayInbox()
	if err := os.WriteFile(dir+"/ballast", make([]byte, 128<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	q := spooled(outputtest.QuickRetries(), b, dir+"/spool", 1<<20)
	if taken := outputtest.PutNumbered(q, 0, n); taken != n {
		t.Fatalf("%d of %d are taken", taken, n)
	}
	outputtest.Until(t, "the disk is full", func() bool { return errors.Is(trouble(q), unix.ENOSPC) })
	if c := q.Counters(); c.Waiting < 100 || c.Sinks[0].Spool.Records < 100 {
		t.Errorf("on the full disk: %+v", c)
	}
	if err := os.Remove(dir + "/ballast"); err != nil {
		t.Fatal(err)
	}
	outputtest.Until(t, "more on disk", func() bool { return q.Counters().Sinks[0].Spool.Bytes > 150<<10 })
	b.SetAway(false)
	outputtest.Until(t, "all delivered", func() bool { return b.Count() == n })
	next := n
	outputtest.Until(t, "the disk takes more", func() bool {
		next += outputtest.PutNumbered(q, next, next+1)
		return trouble(q) == nil
	})
	if err := q.Close(outputtest.Deadline(t)); err != nil {
		t.Fatal(err)
	}
	b.Check(t, 0, next)
	if c := q.Counters(); c.Written != uint64(next) || c.Errors != 0 || c.Sinks[0].Spool.Damaged != 0 {
		t.Errorf("got %+v", c)
	}
}

func trouble(q *output.Queue) error { return q.Counters().Sinks[0].Spool.Err }

// What is damaged on disk is lost and counted; all else comes.
func TestDamagedSpool(t *testing.T) {
	dir, b := t.TempDir(), awayInbox()
	q := spooled(outputtest.QuickRetries(), b, dir, 1<<20)
	outputtest.PutNumbered(q, 0, 100)
	onDisk(t, q)
	if err := q.Close(outputtest.Deadline(t)); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(dir + "/*.alerts")
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(files[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
	b.SetAway(false)
	q = spooled(outputtest.QuickRetries(), b, dir, 1<<20)
	if err := q.Close(outputtest.Deadline(t)); err != nil {
		t.Fatal(err)
	}
	c := q.Counters()
	if outputtest.CheckSum(t, c.SinkTotals); c.Restored != 100 || c.Written != 99 || c.Errors != 1 || c.Sinks[0].Spool.Damaged != 1 ||
		b.Count() != 99 {
		t.Errorf("got %+v", c)
	}
}

// A queue that was never started has touched no disk, and lets nobody wait.
func TestNeverStarted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	q := output.NewQueue(outputtest.QuickRetries(),
		output.Named{Name: "inbox", Sink: &outputtest.Inbox{}, Spool: spool.New(spool.Settings{Dir: dir, MaxBytes: 1 << 20})})
	q.Put([]byte("x"), nil, "Notice", "rule")
	if err := q.Close(outputtest.Deadline(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) || q.Counters().Lost != 1 {
		t.Errorf("%v, %+v", err, q.Counters())
	}
}

// The id stands in JSON if that is asked for, and is the same for all sinks.
func TestIDs(t *testing.T) {
	a, b := &outputtest.Inbox{}, &outputtest.Inbox{}
	q := output.NewQueue(output.QueueSettings{IncludeID: true}, output.Named{Name: "a", Sink: a}, output.Named{Name: "b", Sink: b})
	q.Put([]byte(`{"hostname":"h"}`), nil, "Notice", "rule")
	q.Put([]byte("10:00: text"), nil, "Notice", "rule")
	if err := q.Close(outputtest.Deadline(t)); err != nil {
		t.Fatal(err)
	}
	first, second := a.Got(), b.Got()
	if got, want := string(first[0].Text), `{"alert_id":"`+second[0].ID+`","hostname":"h"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if string(first[1].Text) != "10:00: text" || first[1].ID == first[0].ID {
		t.Errorf("got %+v", first)
	}
}
