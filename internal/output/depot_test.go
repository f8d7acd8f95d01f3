package output

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/output/spool"
)

// inbox is a sink that keeps the alerts and their ids, and fails while it is told to.
type inbox struct {
	mu   sync.Mutex
	got  []Message
	away bool
	// held are what Flush has not confirmed, if the sink keeps back.
	keeps bool
	held  []Message
	tries int
}

func (b *inbox) Write(m Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tries++
	switch {
	case b.keeps:
		b.held = append(b.held, m)
	case b.away:
		return fmt.Errorf("%w: away", ErrAgain)
	default:
		b.got = append(b.got, m)
	}
	return nil
}

func (b *inbox) Flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away && len(b.held) > 0 {
		return fmt.Errorf("%w: away", ErrAgain)
	}
	b.got, b.held = append(b.got, b.held...), nil
	return nil
}

func (b *inbox) Close() error { return b.Flush() }

func (b *inbox) goAway(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = away
}

func (b *inbox) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.got)
}

func (b *inbox) tried() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tries > 0
}

// want checks that the alerts from one number to another have come, in order, each with an id of its own; one that came twice
// came with the same id.
func (b *inbox) want(t *testing.T, from, to int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	ids, first := map[string]string{}, []string{}
	for _, m := range b.got {
		text, again := ids[m.ID]
		switch {
		case m.ID == "" || again && text != string(m.Text):
			t.Errorf("id %q is that of %q and of %q", m.ID, text, m.Text)
		case !again:
			ids[m.ID] = string(m.Text)
			first = append(first, string(m.Text))
		}
		if m.Priority != "Notice" || m.Rule != "rule" {
			t.Errorf("%q has priority %q and rule %q", m.Text, m.Priority, m.Rule)
		}
	}
	var want []string
	for i := from; i < to; i++ {
		want = append(want, fmt.Sprint("alert ", i))
	}
	if !slices.Equal(first, want) {
		t.Errorf("got %d alerts, not %d to %d in order: %q …", len(first), from, to-1, first[:min(len(first), 20)])
	}
}

func putNumbered(q *Queue, from, to int) (taken int) {
	for i := from; i < to; i++ {
		if q.Put(fmt.Append(nil, "alert ", i), nil, "Notice", "rule") {
			taken++
		}
	}
	return taken
}

func quick() QueueSettings {
	return QueueSettings{RetryFirst: time.Millisecond, RetryMost: 10 * time.Millisecond}
}

func spooled(s QueueSettings, sink Sink, dir string, bytes int64) *Queue {
	q := NewQueue(s, Named{Name: "inbox", Sink: sink, Spool: spool.New(spool.Settings{Dir: dir, MaxBytes: bytes})})
	q.Start()
	return q
}

// onDisk waits until everything that was queued is kept.
func onDisk(t *testing.T, q *Queue) {
	t.Helper()
	until(t, "all on disk", func() bool { return q.Counters().Waiting == 0 })
}

// balanced checks that every alert is accounted for.
func balanced(t *testing.T, c SinkTotals) {
	t.Helper()
	if c.Queued+c.Restored != c.Written+c.Errors+c.Lost+c.Kept {
		t.Errorf("the counts do not add up: %+v", c)
	}
}

// A sink that is away delays nobody, not even the end; what it did not get is there for the next run, with the same ids.
func TestSpoolOutlivesTheQueue(t *testing.T) {
	for _, keeps := range []bool{false, true} {
		t.Run(fmt.Sprint("keeps back ", keeps), func(t *testing.T) {
			dir, b := filepath.Join(t.TempDir(), "spool"), &inbox{keeps: keeps}
			q := spooled(quick(), b, dir, 1<<20)
			putNumbered(q, 0, 10)
			until(t, "ten", func() bool { return b.count() == 10 })
			b.goAway(true)
			putNumbered(q, 10, 1000)
			onDisk(t, q)
			until(t, "a try", b.tried)
			begin := time.Now()
			if err := q.Close(deadline(t)); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("closing waits %s for a sink that is away", took)
			}
			c := q.Counters().SinkTotals
			if balanced(t, c); c.Written != 10 || c.Kept != 990 || c.Lost != 0 {
				t.Errorf("first run: %+v", c)
			}
			b.goAway(false)
			b.held = nil // it went with its process
			q = spooled(quick(), b, dir, 1<<20)
			putNumbered(q, 1000, 1010)
			if err := q.Close(deadline(t)); err != nil {
				t.Fatal(err)
			}
			b.want(t, 0, 1010)
			c = q.Counters().SinkTotals
			if balanced(t, c); c.Restored != 990 || c.Written != 1000 || c.Kept != 0 {
				t.Errorf("second run: %+v", c)
			}
		})
	}
}

// A sink that hangs is left alone at the deadline, and what it has not confirmed stays.
func TestHungSinkKeepsItsSpool(t *testing.T) {
	dir, hung := t.TempDir(), &lines{gate: make(chan struct{}), entered: make(chan struct{}, 1)}
	q := spooled(quick(), hung, dir, 1<<20)
	putNumbered(q, 0, 5)
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
	b := &inbox{}
	again := spooled(quick(), b, dir, 1<<20) // the folder is free, though the worker is not
	if err := again.Close(deadline(t)); err != nil {
		t.Fatal(err)
	}
	b.want(t, 0, 5)
	close(hung.gate)
	<-q.lanes[0].done
}

// What the spool has no room for waits in memory, and beyond that the newest is dropped and counted.
func TestFullSpool(t *testing.T) {
	s := quick()
	s.Capacity = 100
	b := &inbox{away: true}
	q := spooled(s, b, t.TempDir(), 20_000)
	taken := 0
	until(t, "a drop", func() bool {
		taken += putNumbered(q, taken, taken+1)
		return q.Counters().Dropped > 0
	})
	c := q.Counters().Sinks[0]
	if !errors.Is(c.Spool.Trouble, spool.ErrFull) || c.Spool.Bytes > 20_000 || c.Spool.Records < 100 {
		t.Errorf("got %+v", c.Spool)
	}
	b.goAway(false)
	until(t, "all delivered", func() bool { return b.count() == taken })
	until(t, "on disk again", func() bool {
		taken += putNumbered(q, taken, taken+1)
		return trouble(q) == nil
	})
	if err := q.Close(deadline(t)); err != nil {
		t.Fatal(err)
	}
	b.want(t, 0, taken)
	balanced(t, q.Counters().SinkTotals)
}

// A folder that can't be made costs the outliving alone; it comes back by itself.
func TestUnwritableFolder(t *testing.T) {
	dir, b := t.TempDir(), &inbox{}
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	q := spooled(quick(), b, dir+"/file/spool", 1<<20)
	putNumbered(q, 0, 100)
	until(t, "delivered from memory", func() bool { return b.count() == 100 })
	if c := q.Counters().Sinks[0]; c.Spool.Trouble == nil || !strings.Contains(c.Spool.Trouble.Error(), "open the spool "+dir+"/file/spool: ") {
		t.Errorf("the trouble is %v", c.Spool.Trouble)
	}
	if err := os.Remove(dir + "/file"); err != nil {
		t.Fatal(err)
	}
	next := 100
	until(t, "kept again", func() bool {
		next += putNumbered(q, next, next+1)
		return q.Counters().Sinks[0].Spool.Bytes > 0
	})
	if err := q.Close(deadline(t)); err != nil {
		t.Fatal(err)
	}
	b.want(t, 0, next)
	balanced(t, q.Counters().SinkTotals)
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
	dir, b := smallDisk(t, "256k"), &inbox{away: true}
	if err := os.WriteFile(dir+"/ballast", make([]byte, 128<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	q := spooled(quick(), b, dir+"/spool", 1<<20)
	if taken := putNumbered(q, 0, n); taken != n {
		t.Fatalf("%d of %d are taken", taken, n)
	}
	until(t, "the disk is full", func() bool { return errors.Is(trouble(q), unix.ENOSPC) })
	if c := q.Counters(); c.Waiting < 100 || c.Sinks[0].Spool.Records < 100 {
		t.Errorf("on the full disk: %+v", c)
	}
	if err := os.Remove(dir + "/ballast"); err != nil {
		t.Fatal(err)
	}
	until(t, "more on disk", func() bool { return q.Counters().Sinks[0].Spool.Bytes > 150<<10 })
	b.goAway(false)
	until(t, "all delivered", func() bool { return b.count() == n })
	next := n
	until(t, "the disk takes more", func() bool {
		next += putNumbered(q, next, next+1)
		return trouble(q) == nil
	})
	if err := q.Close(deadline(t)); err != nil {
		t.Fatal(err)
	}
	b.want(t, 0, next)
	if c := q.Counters(); c.Written != uint64(next) || c.Errors != 0 || c.Sinks[0].Spool.Damaged != 0 {
		t.Errorf("got %+v", c)
	}
}

func trouble(q *Queue) error { return q.Counters().Sinks[0].Spool.Trouble }

// What is damaged on disk is lost and counted; all else comes.
func TestDamagedSpool(t *testing.T) {
	dir, b := t.TempDir(), &inbox{away: true}
	q := spooled(quick(), b, dir, 1<<20)
	putNumbered(q, 0, 100)
	onDisk(t, q)
	if err := q.Close(deadline(t)); err != nil {
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
	b.goAway(false)
	q = spooled(quick(), b, dir, 1<<20)
	if err := q.Close(deadline(t)); err != nil {
		t.Fatal(err)
	}
	c := q.Counters()
	if balanced(t, c.SinkTotals); c.Restored != 100 || c.Written != 99 || c.Errors != 1 || c.Sinks[0].Spool.Damaged != 1 || b.count() != 99 {
		t.Errorf("got %+v", c)
	}
}

// A queue that was never started has touched no disk, and lets nobody wait.
func TestNeverStarted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	q := NewQueue(quick(), Named{Name: "inbox", Sink: &inbox{}, Spool: spool.New(spool.Settings{Dir: dir, MaxBytes: 1 << 20})})
	q.Put([]byte("x"), nil, "Notice", "rule")
	if err := q.Close(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) || q.Counters().Lost != 1 {
		t.Errorf("%v, %+v", err, q.Counters())
	}
}

// The id stands in JSON if that is asked for, and is the same for all sinks.
func TestIDs(t *testing.T) {
	a, b := &inbox{}, &inbox{}
	q := NewQueue(QueueSettings{IncludeID: true}, Named{Name: "a", Sink: a}, Named{Name: "b", Sink: b})
	q.Put([]byte(`{"hostname":"h"}`), nil, "Notice", "rule")
	q.Put([]byte("10:00: text"), nil, "Notice", "rule")
	if err := q.Close(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if got, want := string(a.got[0].Text), `{"alert_id":"`+b.got[0].ID+`","hostname":"h"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if string(a.got[1].Text) != "10:00: text" || a.got[1].ID == a.got[0].ID {
		t.Errorf("got %+v", a.got)
	}
}
