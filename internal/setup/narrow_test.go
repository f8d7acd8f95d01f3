package setup

import (
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
)

// classes is a set of kinds of opens: a bit each, numbered access << 3 | outcome.
type classes uint32

const allClasses classes = 0x1f1f1f1f

func class(access uint32, o event.Outcome) classes { return 1 << (access&3<<3 | uint32(o)) }

// narrowBy narrows by the rules of a text; without one, by the built-in rules.
func narrowBy(t *testing.T, text string) (*engine.Ruleset, *Narrowing) {
	t.Helper()
	cfg := config.Default()
	cfg.RuleMatching = "all"
	load := func() (*engine.Ruleset, rulefile.Results) { return Rules(cfg) }
	if text != "" {
		load = func() (*engine.Ruleset, rulefile.Results) {
			return Load(cfg, []rulefile.Source{{Name: "test.yaml", Content: []byte(text)}})
		}
	}
	rules, results := load()
	if !results.Successful() {
		t.Fatal(RulesError(&results))
	}
	narrowed, err := Narrow(cfg, rules)
	if err != nil {
		t.Fatal(err)
	}
	return rules, narrowed
}

func rule(condition string) string {
	return "- rule: R\n  desc: d\n  condition: " + condition + "\n  output: o\n  priority: INFO\n"
}

func TestOpensByRule(t *testing.T) {
	const read, write, readWrite = unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR
	tests := []struct {
		condition string
		in, out   classes
	}{
		{"open_write and fd.name startswith /etc",
			class(write, event.OutcomeRegular) | class(readWrite, event.OutcomeRegular),
			class(read, event.OutcomeRegular) | class(write, event.OutcomeFailed) | class(write, event.OutcomeDirectory)},
		{"open_read and fd.name = /etc/shadow",
			class(read, event.OutcomeRegular) | class(readWrite, event.OutcomeRegular),
			class(write, event.OutcomeRegular) | class(read, event.OutcomeFailed) | class(read, event.OutcomeDirectory)},
		{"evt.type = openat and evt.failed = true",
			class(read, event.OutcomeFailed), class(read, event.OutcomeRegular) | class(read, event.OutcomeOther)},
		{"evt.type = openat and evt.res in (EACCES, EPERM)", class(write, event.OutcomeFailed), class(write, event.OutcomeRegular)},
		{"evt.type = openat and not evt.is_open_write = true", class(read, event.OutcomeOther), class(write, event.OutcomeOther)},
		{"evt.type = openat and fd.num = -1", class(read, event.OutcomeFailed) | class(read, event.OutcomeNameChanged), 0},
		{"evt.type = openat and evt.name_changed = true",
			class(read, event.OutcomeNameChanged) | class(write, event.OutcomeNameChanged),
			class(read, event.OutcomeFailed) | class(read, event.OutcomeRegular)},
		{"evt.type = openat and fd.name.exit startswith /etc", class(read, event.OutcomeNameChanged), ^class(0, event.OutcomeNameChanged) & 0xff},
		{"open_read and evt.name_changed = true", 0, allClasses},
		{"evt.type = openat and evt.failed = true and evt.name_changed = false", class(read, event.OutcomeFailed),
			class(read, event.OutcomeNameChanged)},
		// What can't be told is not narrowed.
		{"evt.type = openat and fd.num > 100", class(read, event.OutcomeRegular), 0},
		{"evt.type = openat and proc.name = x", allClasses, 0},
		{"evt.type = openat and (evt.is_open_write = true or proc.name = x)", allClasses, 0},
		{"evt.type = openat and evt.is_open_read = val(evt.is_open_write)", allClasses, 0},
		{"evt.type = openat and evt.num = 0", 0, allClasses},
		{"evt.type = execve", 0, allClasses},
	}
	for _, tt := range tests {
		_, narrowed := narrowBy(t, rule(tt.condition))
		var got classes
		for access, masks := range narrowed.masks.Opens[event.TypeOpenat] {
			for outcome, mask := range masks {
				if mask != 0 {
					got |= class(uint32(access), event.Outcome(outcome))
				}
			}
		}
		if got&tt.in != tt.in || got&tt.out != 0 {
			t.Errorf("%s: classes %032b, want all of %032b and none of %032b", tt.condition, got, tt.in, tt.out)
		}
	}
}

// TestOpensAreSound: no event that a rule matches is of a class that was narrowed away, whatever the event.
func TestOpensAreSound(t *testing.T) {
	nasty := ""
	for i, c := range []string{
		"evt.type in (open, openat) and not (evt.is_open_read = true and fd.typechar = f)",
		"evt.type = openat and (evt.failed = true or fd.type = directory or evt.is_open_write = true) and fd.num != 3",
		"evt.type = openat2 and evt.rawres < 0 and not fd.num >= 0",
		"evt.type = creat and evt.res != SUCCESS",
		"evt.type = open_by_handle_at and fd.typechar = o",
		"evt.type = open and not fd.type exists",
		"evt.type in (open, creat) and evt.name_changed = true and fd.name startswith /etc",
		"evt.type = openat2 and fd.name.exit exists",
		"evt.type = creat and evt.failed = true and not evt.name_changed = true",
	} {
		nasty += "- rule: N" + string(rune('0'+i)) + "\n  desc: d\n  condition: " + c + "\n  output: o\n  priority: INFO\n"
	}
	for _, text := range []string{"", nasty} {
		rules, narrowed := narrowBy(t, text)
		rnd := rand.New(rand.NewPCG(7, 7))
		scratch, matched := engine.NewScratch(), 0
		for range 200_000 {
			ev, access, outcome := randomOpen(rnd)
			mask := narrowed.masks.Opens[ev.Type][access][outcome]
			rules.Match(&ev, scratch, func(r *engine.Rule) {
				matched++
				if mask&narrowed.bits[r] == 0 {
					t.Fatalf("rule %q matches an event that the kernel would not send: %+v", r.Name, ev)
				}
			})
		}
		if matched < 1000 {
			t.Errorf("only %d of the random events match a rule: they show nothing", matched)
		}
	}
}

func randomOpen(rnd *rand.Rand) (ev event.Event, access uint32, outcome event.Outcome) {
	pick := func(s ...string) string { return s[rnd.IntN(len(s))] }
	types := []event.Type{event.TypeOpen, event.TypeOpenat, event.TypeOpenat2, event.TypeCreat, event.TypeOpenByHandleAt}
	access = uint32(rnd.IntN(4))
	name := pick("/etc/shadow", "/etc/cron.d/x", "/usr/bin/ls", "/root/.ssh/authorized_keys", "/etc", "/dev/null",
		"/run/secrets/kubernetes.io/serviceaccount/token")
	ev = event.Event{
		Num: 1, Type: types[rnd.IntN(len(types))], Ret: int64(rnd.IntN(200)), ContainerID: pick(event.HostID, "0123456789ab"),
		Process: &event.Process{Comm: pick("cat", "sh", "vi"), EUID: uint32(rnd.IntN(2)) * 1000, Vpid: 7},
	}
	ev.File = event.File{
		Present: true, FD: ev.Ret, Raw: name, Given: name, Resolved: name,
		OpenFlags: access | uint32(rnd.IntN(2))*unix.O_CREAT | uint32(rnd.IntN(2))*unix.O_TRUNC | uint32(rnd.IntN(2))*unix.O_DIRECTORY,
	}
	outcome = event.Outcomes()[rnd.IntN(5)]
	switch outcome {
	case event.OutcomeFailed, event.OutcomeNameChanged:
		if outcome == event.OutcomeNameChanged {
			ev.Flags, ev.File.AtExit = event.FlagNameChanged, pick("/etc/passwd", "/tmp/x", "")
		}
		ev.Ret = -int64([]unix.Errno{unix.ENOENT, unix.EACCES, unix.EPERM}[rnd.IntN(3)])
		ev.File.FD, ev.File.Resolved = ev.Ret, ""
	case event.OutcomeRegular:
		ev.File.InodeMode = unix.S_IFREG | 0o644
	case event.OutcomeDirectory:
		ev.File.InodeMode = unix.S_IFDIR | 0o755
	case event.OutcomeOther:
		ev.File.InodeMode = []uint32{unix.S_IFCHR, unix.S_IFIFO, unix.S_IFBLK, unix.S_IFSOCK}[rnd.IntN(4)]
	}
	return ev, access, outcome
}
