package setup

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/event"
)

// kernelTable answers for names what bpf/helpers/narrow/name.h does.
type kernelTable struct{ *event.Masks }

func hash(h, word uint64) uint64 {
	h = (h ^ word) * 0x9e3779b97f4a7c15
	return h ^ h>>32
}

const start = 0xcbf29ce484222325

func componentHash(c string) uint64 {
	h := uint64(start)
	padded := append([]byte(c), make([]byte, 8-len(c)%8)...)
	for i := 0; i < len(padded); i += 8 {
		h = hash(h, binary.LittleEndian.Uint64(padded[i:]))
	}
	return h
}

func (k kernelTable) part(h uint64, kind bpfgen.SensorNamePart) uint64 {
	if k.NameParts>>kind&1 == 0 {
		return 0
	}
	h ^= uint64(kind) * start
	for i := range uint32(bpfgen.SensorSizesNAME_PROBES) {
		e := k.Names[(uint32(h^h>>32)+i)%uint32(len(k.Names))]
		if e.Mask == 0 {
			return 0
		}
		if e.Hash == h {
			return e.Mask
		}
	}
	return 0
}

// name is the mask of a name; one that is not in its normal form may match any rule.
func (k kernelTable) name(name string) uint64 {
	if !strings.HasPrefix(name, "/") {
		return event.AllRules
	}
	components := strings.Split(strings.TrimSuffix(name[1:], "/"), "/")
	for _, c := range components {
		if c == "." || strings.HasSuffix(c, "..") || c == "" && name != "/" {
			return event.AllRules
		}
	}
	if name == "/" {
		components = nil
	}
	h, directory, mask, last := uint64(start), uint64(start), uint64(0), ""
	for _, c := range components {
		directory, last = h, c
		h = hash(h, componentHash(c))
		mask |= k.part(h, bpfgen.SensorNamePartNAME_BELOW) | k.part(componentHash(c), bpfgen.SensorNamePartNAME_COMPONENT)
	}
	mask |= k.part(h, bpfgen.SensorNamePartNAME_WHOLE)
	if components == nil {
		return mask | k.part(h, bpfgen.SensorNamePartNAME_BELOW)
	}
	var head, tail [4]byte
	copy(head[:3], components[0])
	if len(last) >= 4 {
		copy(tail[:], last[len(last)-4:])
	}
	return mask | k.part(directory, bpfgen.SensorNamePartNAME_DIRECTORY) | k.part(componentHash(last), bpfgen.SensorNamePartNAME_LAST) |
		k.part(uint64(binary.LittleEndian.Uint32(head[:])), bpfgen.SensorNamePartNAME_HEAD) |
		k.part(uint64(binary.LittleEndian.Uint32(tail[:])), bpfgen.SensorNamePartNAME_TAIL)
}

// names are few enough that a random condition fits some.
var names = []string{
	"/", "/etc", "/etc/shadow", "/etc/pam.d/sshd", "/etc/cron.d/x", "/etcetera", "/root/.ssh/id_rsa", "/root/.sshx", "/usr/bin/ls",
	"/usr/lib/x86_64-linux-gnu/libc.so.6", "/proc/1/environ", "/proc/self/environ.x", "/tmp/a/../b", "/tmp/./c", "/dev/null", "/a",
	"/var/log/auth.log", "/var/log/12345678", "/var/log/1234567", "/tmp/a..b/x", "/tmp/a../x", "relative", "",
}

// generator makes random conditions and events.
type generator struct{ *rand.Rand }

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

func (g generator) list(from []string) string {
	n := 1 + g.IntN(4)
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("%q", pick(g, from...))
	}
	return "(" + strings.Join(texts, ", ") + ")"
}

func (g generator) test() string {
	name := pick(g, names...)
	cut := name[:g.IntN(len(name)+1)]
	tail := name[g.IntN(len(name)+1):]
	switch g.IntN(20) {
	case 0:
		return fmt.Sprintf("fd.name %s %q", pick(g, "=", "!="), name)
	case 1:
		return "fd.name in " + g.list(names)
	case 2:
		return fmt.Sprintf("fd.name startswith %q", cut)
	case 3:
		return fmt.Sprintf("fd.name endswith %q", tail)
	case 4:
		return fmt.Sprintf("fd.name contains %q", tail[:g.IntN(len(tail)+1)])
	case 5:
		return "fd.name pmatch " + pick(g, "(/etc, /usr/lib)", "(/proc/*/environ)", "(/)", "(/etc/, /r*)")
	case 6:
		return "fd.name glob " + pick(g, "/proc/*/environ", "/etc/*", "*/id_rsa", "/usr/*/ls", "'/e[t]c/*'", "/etc/shado?", "*")
	case 7:
		return "fd.directory in " + g.list([]string{"/", "/etc", "/etc/pam.d", "/root/.ssh", "/var/log", "/usr/bin"})
	case 8:
		return fmt.Sprintf("fd.directory startswith %q", cut)
	case 9:
		return "fd.filename in " + g.list([]string{"shadow", "sshd", "ls", "environ", "12345678", "a"})
	case 10:
		return "fd.nameraw contains " + pick(g, "../", "..", "/./", "shadow")
	case 11:
		return "fd.nameraw glob " + pick(g, "*../*", "*..*", "/etc/*")
	case 12:
		return "proc.name in " + g.list([]string{"cat", "sh", "vi"})
	case 13:
		return "proc.pname = " + pick(g, "cat", "sh", "vi")
	case 14:
		return "proc.aname in (cat, init)"
	case 15:
		return "user.uid = " + pick(g, "0", "1000")
	case 16:
		return "container.id " + pick(g, "=", "!=") + " host"
	case 17:
		return "evt.failed = " + pick(g, "true", "false")
	case 18:
		return "evt.is_open_" + pick(g, "read", "write") + " = " + pick(g, "true", "false")
	default:
		return pick(g, "fd.typechar = 'f'", "fd.num >= 0", "tolower(proc.name) = cat", "fd.name exists", "proc.name = val(proc.pname)")
	}
}

func (g generator) condition(depth int) string {
	if depth == 0 || g.IntN(4) == 0 {
		return g.test()
	}
	switch g.IntN(5) {
	case 0:
		return "not (" + g.condition(depth-1) + ")"
	case 1, 2:
		return "(" + g.condition(depth-1) + " and " + g.condition(depth-1) + ")"
	default:
		return "(" + g.condition(depth-1) + " or " + g.condition(depth-1) + ")"
	}
}

func (g generator) open() (ev event.Event, access uint32, outcome event.Outcome) {
	ev, access, outcome = randomOpen(g.Rand)
	raw := pick(g, names...)
	given := path.Join("/tmp", raw)
	if strings.HasPrefix(raw, "/") {
		given = path.Clean(raw)
	}
	ev.File.Raw, ev.File.Given = raw, given
	if ev.Ret >= 0 {
		ev.File.Resolved = path.Clean("/" + pick(g, names...))
	}
	ev.Process.Parent = &event.Process{Comm: pick(g, "cat", "sh", "vi"), Parent: &event.Process{Comm: pick(g, "init", "cat")}}
	if g.IntN(2) == 0 {
		ev.File.OpenFlags |= unix.O_CLOEXEC
	}
	return ev, access, outcome
}

// TestMasksAreSound: whatever the rules and the event, no mask lacks the bit of a rule that matches.
func TestMasksAreSound(t *testing.T) {
	matched, refused := 0, 0
	for seed := range uint64(100) {
		g := generator{rand.New(rand.NewPCG(seed, 16))}
		var text strings.Builder
		for i := range 1 + g.IntN(80) {
			fmt.Fprintf(&text, "- rule: R%d\n  desc: d\n  condition: evt.type in (open, openat, creat) and %s\n  output: o\n  priority: INFO\n",
				i, g.condition(3))
		}
		rules, narrowed := narrowBy(t, text.String())
		table, scratch := kernelTable{narrowed.masks}, engine.NewScratch()
		for range 200 {
			ev, access, outcome := g.open()
			mask := narrowed.masks.Opens[ev.Type][access][outcome] & narrowed.Judge.Mask(&ev)
			if !ev.Failed() {
				byName := table.name(ev.File.Resolved)
				if ev.Type != event.TypeOpenByHandleAt {
					given := ev.File.Raw
					if !strings.HasPrefix(given, "/") {
						given = "/tmp/" + given
					}
					byName |= table.name(given)
				}
				mask &= byName | narrowed.masks.AnyName[ev.Type]
			}
			if mask == 0 {
				refused++
			}
			for r := range eachMatch(rules, &ev, scratch) {
				matched++
				if mask&narrowed.bits[r] == 0 {
					t.Fatalf("seed %d: the kernel's side would refuse %+v to %s", seed, ev.File, r.Condition)
				}
			}
		}
	}
	if matched < 5_000 || refused < 1_000 {
		t.Errorf("%d matches and %d events that no rule is about: too few to show anything", matched, refused)
	}
}

// eachMatch yields every rule that matches an event, by itself.
func eachMatch(rules *engine.Ruleset, ev *event.Event, s *engine.Scratch) func(func(*engine.Rule) bool) {
	return func(yield func(*engine.Rule) bool) {
		on := true
		rules.Match(ev, s, func(r *engine.Rule) { on = on && yield(r) })
	}
}

// TestPartsAreTheKernels: a name has one of a rule's parts where the kernel's table says so.
func TestPartsAreTheKernels(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(5, 6))}
	fit, not := 0, 0
	for range 400 {
		const rule = "- rule: R\n  desc: d\n  condition: evt.type = openat and %s\n  output: o\n  priority: INFO\n"
		set, n := narrowBy(t, fmt.Sprintf(rule, g.condition(3)))
		r := set.Rules()[0]
		parts, any := r.NameParts(event.TypeOpenat)
		if any || n.masks.AnyName[event.TypeOpenat] != 0 {
			continue
		}
		table := kernelTable{n.masks}
		for _, name := range names {
			if !filter.Normal(name) {
				continue
			}
			fits := slices.ContainsFunc(parts, func(p filter.NamePart) bool { return p.Fits(name) })
			if in := table.name(name) != 0; in != fits {
				t.Fatalf("%s: %q fits: %t, in the kernel %t; parts %v", r.Condition, name, fits, in, parts)
			}
			if fits {
				fit++
			} else {
				not++
			}
		}
	}
	if fit < 100 || not < 100 {
		t.Errorf("%d fit, %d do not", fit, not)
	}
}
