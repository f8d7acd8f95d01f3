package kernel

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// closeTrigger closes a file, a connected socket and a number that is no descriptor. args: the file.
func closeTrigger(args []string) (any, error) {
	file, err := unix.Open(args[0], unix.O_RDONLY|unix.O_CREAT, 0o600)
	if err != nil {
		return nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	err = errors.Join(unix.Fstat(pair[0], &st), unix.Close(file), unix.Close(pair[0]))
	if absent := unix.Close(12345); !errors.Is(absent, unix.EBADF) {
		err = errors.Join(err, fmt.Errorf("close no descriptor: %w", absent))
	}
	return []uint64{uint64(file), st.Ino}, err
}

// A close has the file or the socket that the descriptor led to, although it does so no more when the call returns.
func TestClose(t *testing.T) {
	path := t.TempDir() + "/file"
	var facts []uint64
	c := trigger(t, &facts, "close", path)
	closed := func(what string, fits func(*event.Param) bool) *event.Event {
		return c.find("the close of "+what, func(ev *event.Event) bool {
			return ev.Tgid == c.pid && ev.Type.String() == "close" && fits(&ev.Params[ev.FD])
		})
	}
	ev := closed("a file", func(p *event.Param) bool { return p.Descriptor.Path == path })
	if p := &ev.Params[ev.FD]; ev.Ret != 0 || p.Num != int64(facts[0]) || p.Descriptor.Kind != event.KindFile || ev.File.Resolved != path {
		t.Errorf("a file: result %d, descriptor %+v, file %+v", ev.Ret, p, ev.File)
	}
	ev = closed("a socket", func(p *event.Param) bool { return p.Descriptor.ID.Ino == facts[1] })
	if d := &ev.Params[ev.FD].Descriptor; ev.Ret != 0 || d.Kind != event.KindSocket || d.Socket.Peer == 0 {
		t.Errorf("a socket: result %d, descriptor %+v", ev.Ret, d)
	}
	ev = closed("no descriptor", func(p *event.Param) bool { return p.Num == 12345 })
	if d := &ev.Params[ev.FD].Descriptor; ev.Ret != -int64(unix.EBADF) || d.Kind != event.KindUnknown {
		t.Errorf("no descriptor: result %d, descriptor %+v", ev.Ret, d)
	}
}

const (
	closers     = 16
	closesEach  = 100
	closerNames = "%s/thread-%d"
)

// closersTrigger lets threads open and close at once, each a file that its id names. args: a folder.
func closersTrigger(args []string) (any, error) {
	runtime.GOMAXPROCS(closers)
	var all unix.CPUSet
	for cpu := range runtime.NumCPU() {
		all.Set(cpu)
	}
	var group sync.WaitGroup
	failed := make(chan error, closers)
	for range closers {
		group.Go(func() {
			runtime.LockOSThread()
			_, tid, err := ownIDs()
			err = errors.Join(err, unix.SchedSetaffinity(0, &all))
			for range closesEach {
				fd, opened := unix.Open(fmt.Sprintf(closerNames, args[0], tid), unix.O_CREAT|unix.O_RDONLY, 0o600)
				err = errors.Join(err, opened, unix.Close(fd))
			}
			failed <- err
		})
	}
	group.Wait()
	close(failed)
	var err error
	for e := range failed {
		err = errors.Join(err, e)
	}
	return struct{}{}, err
}

// Of many threads that close at once, each close has its own thread's file.
func TestManyCloses(t *testing.T) {
	dir := t.TempDir()
	c := trigger(t, &struct{}{}, "closers", dir)
	seen := 0
	for _, ev := range c.events {
		if ev.Tgid != c.pid || ev.Type.String() != "close" || ev.Ret != 0 {
			continue
		}
		switch path := ev.Params[ev.FD].Descriptor.Path; {
		case path == fmt.Sprintf(closerNames, dir, ev.Tid):
			seen++
		case strings.HasPrefix(path, dir+"/"):
			t.Errorf("thread %d closes %s", ev.Tid, path)
		}
	}
	if seen+int(c.counters.EntryMissing) < closers*closesEach {
		t.Errorf("%d closes have their file, %d copies are missing; want %d in all", seen, c.counters.EntryMissing, closers*closesEach)
	}
}
