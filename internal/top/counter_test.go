package top

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func who(pid int32, comm, id, name string) *Subject {
	return &Subject{Process: Process{PID: pid, Start: uint64(pid)}, Comm: comm, ContainerID: id, ContainerName: name}
}

func TestCounter(t *testing.T) {
	const open, exec = 1, 2
	c := NewCounter()
	shell, cat := who(7, "sh", "abc", ""), who(8, "cat", "host", "")
	c.Event(exec, shell)
	c.Alert("Shell", false)
	shell.ContainerName = "shop"
	for range 3 {
		c.Event(open, shell)
	}
	c.Event(open, cat)
	c.Alert("Read", true)
	c.Alert("Gone", false)
	c.Lost(cat, 5)
	rules := []Rule{{"Shell", []uint16{exec}}, {"Read", []uint16{open, exec}}, {"Quiet", []uint16{open, 77}}, {"Idle", []uint16{77}}}
	got := c.Report(Counts{Events: 9, Alerts: 3, Lost: 8}, 1, rules)
	want := &Report{
		Total: Counts{9, 3, 8}, AlertsLost: 1,
		Rules: Table{Rows: []Row{
			{Name: "Read", Counts: Counts{5, 1, 1}}, {Name: "Shell", Counts: Counts{1, 1, 0}}, {Name: "Gone", Counts: Counts{0, 1, 0}},
			{Name: "Quiet", Counts: Counts{4, 0, 0}},
		}},
		Containers: Table{Rows: []Row{{ID: "host", Counts: Counts{1, 2, 5}}, {Name: "shop", ID: "abc", Counts: Counts{4, 1, 0}}},
			Others: Counts{4, 0, 3}},
		Processes: Table{Rows: []Row{{Name: "cat", ID: "8", In: "host", Counts: Counts{1, 2, 5}},
			{Name: "sh", ID: "7", In: "abc", Counts: Counts{4, 1, 0}}},
			Others: Counts{4, 0, 3}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&Report{Rules: Table{Rows: []Row{}}, Containers: Table{Rows: []Row{}}, Processes: Table{Rows: []Row{}}},
		c.Report(Counts{}, 0, rules)); diff != "" {
		t.Errorf("the next interval is not empty:\n%s", diff)
	}
}

// TestCounterBounds: what the tables have no room for is counted among others, in memory that does not grow.
func TestCounterBounds(t *testing.T) {
	const subjects = 3 * maxRows
	c := NewCounter()
	for pid := range int32(subjects) {
		for range 1 + pid%2 {
			c.Event(1, who(pid, "p", fmt.Sprint("c", pid), ""))
		}
		c.Alert("R", false)
	}
	if len(c.processes) > maxRows || len(c.containers) > maxRows {
		t.Errorf("%d processes, %d containers are kept", len(c.processes), len(c.containers))
	}
	total := Counts{Events: subjects + subjects/2, Alerts: subjects}
	r := c.Report(total, 0, nil)
	for name, table := range map[string]*Table{"containers": &r.Containers, "processes": &r.Processes} {
		sum := table.Others
		for _, row := range table.Rows {
			sum.add(row.Counts)
		}
		if sum != total || len(table.Rows) != maxSent || table.More != maxRows-maxSent {
			t.Errorf("%s: %d rows, %d more, sum %v, want %v", name, len(table.Rows), table.More, sum, total)
		}
		if table.Rows[0].Events != 2 {
			t.Errorf("%s: the first row is %v", name, table.Rows[0])
		}
	}
}

// TestEventAllocations: an event of a known process costs no memory.
func TestEventAllocations(t *testing.T) {
	c, s := NewCounter(), who(7, "sh", "abc", "shop")
	c.Event(1, s)
	c.Alert("R", false)
	if n := testing.AllocsPerRun(100, func() {
		c.Event(1, s)
		c.Alert("R", false)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEvent(b *testing.B) {
	c := NewCounter()
	var subjects []*Subject
	for pid := range int32(1000) {
		subjects = append(subjects, who(pid, "sh", fmt.Sprint("container", pid%50), "shop"))
	}
	for i := 0; b.Loop(); i++ {
		c.Event(1, subjects[i%len(subjects)])
	}
}
