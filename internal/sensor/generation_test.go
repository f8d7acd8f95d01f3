package sensor

import "testing"

// TestGenerations: an event is matched by the rules of its generation, as long as one waits or records of it may come.
func TestGenerations(t *testing.T) {
	first, second, third := &generation{}, &generation{}, &generation{}
	g := generations{living: []*generation{first}}
	expect := func(step string, number uint8, want *generation) {
		t.Helper()
		if got := g.of(number); got != want {
			t.Errorf("%s: generation %d is %p, want %p", step, number, got, want)
		}
	}
	first.waiting = 1 // an event waits for its container
	g.add(second, 1)
	g.retire()
	expect("records of the old programs may come", 0, first)
	expect("of the new ones, too", 1, second)
	g.switched, g.drained = true, true
	second.waiting = 2
	g.add(third, 2)
	g.switched, g.drained = true, true
	g.retire()
	expect("an event still waits after two reloads", 0, first)
	expect("and others of the second", 1, second)
	expect("the latest", 2, third)
	first.waiting = 0
	g.retire()
	expect("nothing belongs to the first any more", 0, third)
	expect("the second is there", 1, second)
	second.waiting = 0
	g.retire()
	if len(g.living) != 1 {
		t.Errorf("%d generations are kept", len(g.living))
	}
	// The kernel refuses the next programs: the records keep their number and belong to the new rules.
	fourth := &generation{}
	third.waiting = 3
	g.add(fourth, 3)
	g.keepPrograms()
	expect("refused", 2, fourth)
	if fourth.waiting != 3 || len(g.living) != 1 {
		t.Errorf("waiting %d, %d generations", fourth.waiting, len(g.living))
	}
}
