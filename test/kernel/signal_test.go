package kernel

import (
	"errors"
	"os"
	"os/signal"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// signalTrigger takes signals: one that it sends itself, a timer's, and a child's end; it says its thread's id and the child's.
func signalTrigger([]string) (any, error) {
	taken := make(chan os.Signal, 16)
	signal.Notify(taken, unix.SIGUSR1, unix.SIGALRM, unix.SIGCHLD)
	pid := os.Getpid()
	err := unix.Kill(pid, unix.SIGUSR1)
	timer := unix.Itimerval{Value: unix.Timeval{Usec: 1}}
	_, timed := unix.Setitimer(unix.ITIMER_REAL, timer)
	child, started := os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{})
	if err := errors.Join(err, timed, started); err != nil {
		return nil, err
	}
	_, err = child.Wait()
	for got := map[os.Signal]bool{}; len(got) < 3; {
		got[<-taken] = true
	}
	return []int{pid, child.Pid}, err
}

// TestSignalDeliver: a signal that is taken is an event of who takes it, with who sent it.
func TestSignalDeliver(t *testing.T) {
	var facts []int
	c := trigger(t, &facts, "signals")
	sent := func(sig unix.Signal) []*event.Event {
		var found []*event.Event
		for _, ev := range c.events {
			if ev.Type == event.TypeSignalDeliver && ev.Tgid == c.pid && ev.Params[2].Num == int64(sig) {
				found = append(found, ev)
			}
		}
		return found
	}
	for _, tt := range []struct {
		sig  unix.Signal
		from int
	}{{unix.SIGUSR1, facts[0]}, {unix.SIGALRM, 0}, {unix.SIGCHLD, facts[1]}} {
		found := sent(tt.sig)
		if len(found) != 1 {
			t.Errorf("%v: %d events", tt.sig, len(found))
			continue
		}
		if ev := found[0]; ev.Params[0].Num != int64(tt.from) || ev.Params[1].Num != int64(ev.Tid) || ev.Process.Comm == "" {
			t.Errorf("%v: from %d for thread %d of %d, want from %d", tt.sig, ev.Params[0].Num, ev.Params[1].Num, ev.Tid, tt.from)
		}
	}
}
