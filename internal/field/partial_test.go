package field

import (
	"testing"

	"github.com/saker-sensor/saker/internal/event"
)

// Of a parent that only its name is known of, the other texts are missing, not empty.
func TestPartialParent(t *testing.T) {
	init := &event.Process{Key: event.Key{Tgid: 1, Start: 20}, Comm: "systemd", Partial: true}
	ev := &event.Event{Type: event.TypeExecve, Boot: 100,
		Process: &event.Process{Key: event.Key{Tgid: 5, Start: 50}, Ppid: 1, Parent: init, Comm: "cat"}}
	d := Syscall()
	for key, want := range map[string]string{
		"proc.pname": "systemd", "proc.aname[1]": "systemd", "proc.ppid.duration": "80", "proc.ppid.ts": "20",
		"proc.pcmdline": "<NA>", "proc.pexe": "<NA>", "proc.pexepath": "<NA>", "proc.acmdline[1]": "<NA>", "proc.aexe[1]": "<NA>",
		"proc.cmdline": "", "proc.exe": "",
	} {
		name, arg := splitArg(key)
		if got := show(t, d, ev, name, arg); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

// A step of the wall clock changes neither a start nor an age.
func TestStepOfTheClock(t *testing.T) {
	d := Syscall()
	p := &event.Process{Key: event.Key{Tgid: 5, Start: 50}, PidnsStart: 40, Parent: &event.Process{Key: event.Key{Tgid: 4, Start: 30}}}
	before := &event.Event{Type: event.TypeExecve, Boot: 100, Clock: event.NewClock(1000), Process: p, ContainerID: "c"}
	before.Time = before.Clock.Wall(before.Boot)
	after := *before
	after.Clock = before.Clock.Follow(90, 7_000_000_000)
	after.Time = after.Clock.Wall(after.Boot)
	for key, want := range map[string]string{
		"proc.pid.ts": "1050", "proc.ppid.ts": "1030", "proc.pidns_init_start_ts": "1040", "container.start_ts": "1040",
		"proc.duration": "50", "proc.ppid.duration": "70", "container.duration": "60",
	} {
		for _, ev := range []*event.Event{before, &after} {
			if got := show(t, d, ev, key, ""); got != want {
				t.Errorf("%s at %d: got %q, want %q", key, ev.Time, got, want)
			}
		}
	}
}

// The leader of a group is told apart by the exact start of its pid namespace.
func TestGroupLeaderOfItsOwnNamespace(t *testing.T) {
	host := &event.Process{Key: event.Key{Tgid: 7}, Vpid: 7, Vpgid: 7, Comm: "outside", PidnsStart: 1_000_000_000}
	leader := &event.Process{Key: event.Key{Tgid: 70}, Vpid: 7, Vpgid: 7, Comm: "leader", PidnsStart: 1_000_000_001, Parent: host}
	ev := &event.Event{Type: event.TypeExecve, Process: &event.Process{
		Key: event.Key{Tgid: 80}, Vpid: 8, Vpgid: 7, Comm: "member", PidnsStart: 1_000_000_001, Parent: leader,
	}}
	if got := show(t, Syscall(), ev, "proc.vpgid.name", ""); got != "leader" {
		t.Errorf("the leader is %q", got)
	}
}
