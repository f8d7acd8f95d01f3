package process

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/event"
)

// checkInvariants checks what must be true of a table after each operation.
func checkInvariants(t tester, table *Table) {
	t.Helper()
	sum, live, dead := 0, 0, 0
	for key, e := range table.byKey {
		if e.key != key || e.now == nil || e.now.Key != key {
			t.Fatalf("entry of %+v under %+v", e.key, key)
		}
		want := size(e.now)
		if e.before != nil {
			want += size(e.before)
		}
		if e.bytes != want {
			t.Fatalf("entry %+v counts %d bytes, has %d", key, e.bytes, want)
		}
		sum += want
		if e.now.Ancestor(maxLineage+1) != nil {
			t.Fatalf("entry %+v has more than %d ancestors", key, maxLineage)
		}
		if owner := table.byTgid[key.Tgid]; e.endedAt == 0 && owner != e {
			t.Fatalf("pid %d belongs to %+v, but %+v lives", key.Tgid, owner, key)
		}
	}
	if table.bytes != sum {
		t.Fatalf("table counts %d bytes, has %d", table.bytes, sum)
	}
	for e := table.live.root.next; e != &table.live.root; e = e.next {
		live++
		if e.endedAt != 0 || table.byKey[e.key] != e {
			t.Fatalf("among the living: %+v, died at %d", e.key, e.endedAt)
		}
	}
	for e := table.dead.root.next; e != &table.dead.root; e = e.next {
		dead++
		if e.endedAt == 0 || table.byKey[e.key] != e {
			t.Fatalf("among the dead: %+v", e.key)
		}
	}
	if live+dead != len(table.byKey) {
		t.Fatalf("%d live, %d are dead, of %d", live, dead, len(table.byKey))
	}
	for tgid, e := range table.byTgid {
		if e.key.Tgid != tgid || table.byKey[e.key] != e {
			t.Fatalf("pid %d belongs to %+v, which is not in the table", tgid, e.key)
		}
	}
	if n := len(table.byKey); n > table.settings.MaxProcesses {
		t.Fatalf("%d processes, more than %d", n, table.settings.MaxProcesses)
	}
	if table.bytes > table.settings.MaxBytes && len(table.byKey) > 1 {
		t.Fatalf("%d bytes in %d processes, more than %d", table.bytes, len(table.byKey), table.settings.MaxBytes)
	}
}

// model says in the simplest way which processes a table holds: execs and exits only, one pid each, no grace.
type model struct {
	maxProcesses, maxBytes int
	// live is in the order in which they were last seen, dead in that of their ends; the first goes first.
	live, dead []who
	bytes      map[who]int
	evicted    uint64
}

func (m *model) seen(w who) {
	if i := slices.Index(m.live, w); i >= 0 {
		m.live = append(slices.Delete(m.live, i, i+1), w)
	}
}

func (m *model) enter(w who, bytes int) {
	if slices.Contains(m.live, w) {
		m.seen(w)
	} else {
		m.live = append(m.live, w)
	}
	m.bytes[w] = bytes
	total := func() (n int) {
		for _, b := range m.bytes {
			n += b
		}
		return n
	}
	for len(m.bytes) > m.maxProcesses || total() > m.maxBytes {
		switch {
		case len(m.dead) > 0:
			delete(m.bytes, m.dead[0])
			m.dead = m.dead[1:]
		case len(m.live) > 1:
			delete(m.bytes, m.live[0])
			m.live = m.live[1:]
			m.evicted++
		default:
			return
		}
	}
}

func (m *model) end(w who) {
	i := slices.Index(m.live, w)
	m.live = slices.Delete(m.live, i, i+1)
	m.dead = append(m.dead, w)
}

// Random lives in a table that is far too small: it holds exactly what the model holds.
func TestEvictionAgainstModel(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			s := Settings{MaxProcesses: 3 + rnd.IntN(12), MaxBytes: 4000 + rnd.IntN(20000), Grace: 1 << 60, Proc: t.TempDir()}
			table := NewTable(s)
			m := model{maxProcesses: s.MaxProcesses, maxBytes: s.MaxBytes, bytes: map[who]int{}}
			next := int32(0)
			for op := range 400 {
				if len(m.live) == 0 || rnd.IntN(3) == 0 {
					next++
					w := who{next, uint64(next), 1}
					rec := execRecord(w, "x", strings.Repeat("a", rnd.IntN(3000)))
					apply(t, table, rec)
					m.enter(w, size(rec.Event.Process))
				} else if w := m.live[rnd.IntN(len(m.live))]; rnd.IntN(3) == 0 {
					apply(t, table, exitRecord(w, uint64(op+1)))
					m.end(w)
				} else {
					apply(t, table, openRecord(w))
					m.seen(w)
				}
				checkInvariants(t, table)
				if got := table.Counters(); got.Evicted != m.evicted || got.Processes != len(m.bytes) {
					t.Fatalf("operation %d: %+v, the model has %d processes, %d evicted", op, got, len(m.bytes), m.evicted)
				}
				for w := range m.bytes {
					if table.Get(w.key()) == nil {
						t.Fatalf("operation %d: %+v is not in the table", op, w)
					}
				}
			}
		})
	}
}

// Any records in any order, with lost ones, reused pids and repairs: the table keeps its books, every event gets a
// process of its own key, and never an image of another exec.
func TestAnyRecords(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 2))
			table := NewTable(Settings{MaxProcesses: 2 + rnd.IntN(10), MaxBytes: 3000 + rnd.IntN(15000), Grace: 20, Proc: t.TempDir()})
			any := func() who { return who{int32(1 + rnd.IntN(6)), uint64(1+rnd.IntN(3)) * 1e7, uint64(rnd.IntN(5))} }
			for op := range 500 {
				w := any()
				var rec *event.Record
				switch rnd.IntN(6) {
				case 0:
					rec = under(execRecord(w, fmt.Sprint("exec", w.exec), strings.Repeat("a", rnd.IntN(2000))), any(), "parent")
				case 1:
					rec = forkRecord(w, any())
				case 2:
					rec = exitRecord(w, uint64(op))
				case 3:
					rec = under(execRecord(w, "task"), any(), "parent")
					rec.Kind = event.KindTask
				default:
					rec = openRecord(w)
				}
				rec.Ppid, rec.EUID = int32(rnd.IntN(7)), uint32(rnd.IntN(2))
				if table.Apply(rec) == Ahead {
					table.Repair(rec)
				}
				checkInvariants(t, table)
				if rec.IsEvent() && (rec.Event.Process == nil || rec.Event.Process.Key != w.key() || rec.Event.Process.ExecID != w.exec) {
					t.Fatalf("operation %d: record of %+v got %+v", op, w, rec.Event.Process)
				}
			}
			if rnd.IntN(2) == 0 {
				table.Link()
			}
			checkInvariants(t, table)
		})
	}
}

// Nothing of a dropped process is held by the table.
func TestDropForgets(t *testing.T) {
	table := NewTable(Settings{MaxProcesses: 1, Proc: t.TempDir()})
	apply(t, table, execRecord(shell, "sh"))
	was := table.Get(shell.key())
	was.Parent = &event.Process{}
	apply(t, table, execRecord(child, "cat"))
	if keys := slices.Collect(maps.Keys(table.byKey)); len(keys) != 1 || keys[0] != child.key() || len(table.byTgid) != 1 {
		t.Errorf("the table holds %v", keys)
	}
	if was.Parent != nil {
		t.Error("the dropped process still holds its ancestors")
	}
}

// One process that is too big for the table alone is still known; it goes with the next one.
func TestTooBigForTheTable(t *testing.T) {
	table := NewTable(Settings{MaxBytes: 2 * overhead, Proc: t.TempDir()})
	apply(t, table, execRecord(shell, "sh", strings.Repeat("a", 4*overhead)), openRecord(shell))
	apply(t, table, execRecord(child, "cat"))
	if c := table.Counters(); c.Processes != 1 || c.Evicted != 1 || table.Get(child.key()) == nil {
		t.Errorf("counters %+v", c)
	}
}
