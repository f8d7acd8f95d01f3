package filter

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/event"
)

// TestTraceMeansTheSame: part by part, a condition is true of what the compiled one is true of, and its distance is 0 then only.
func TestTraceMeansTheSame(t *testing.T) {
	f := ownFields()
	matched := 0
	for seed := range uint64(600) {
		g := condGen{rand.New(rand.NewPCG(seed, 3))}
		e := g.expr(3)
		flt, err := Compile(e, f.options())
		if err != nil {
			t.Fatalf("seed %d: compile %s: %v", seed, Print(e), err)
		}
		trace, err := NewTrace(e, f.options())
		if err != nil {
			t.Fatalf("seed %d: trace %s: %v", seed, Print(e), err)
		}
		s := NewScratch()
		for range 6 {
			g.fill(f)
			want, looked := flt.Match(&event.Event{}, s), 0
			got := trace.Eval(&event.Event{}, s, func(*Trace, bool) { looked++ })
			if got != want || looked == 0 {
				t.Fatalf("seed %d: %s with %v = %v, want %v", seed, Print(e), f.values, got, want)
			}
			if n, turn := trace.Distance(&event.Event{}, s); (n == 0) != want || (len(turn) == 0) != want {
				t.Fatalf("seed %d: %s with %v is %d away from what is %v", seed, Print(e), f.values, n, want)
			}
			if got {
				matched++
			}
		}
	}
	if matched < 300 || matched > 3400 {
		t.Errorf("%d of 3600 trials match: the conditions say too little", matched)
	}
}

func mustTrace(t *testing.T, f *fixture, text string) *Trace {
	t.Helper()
	e, err := Parse(text, ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	trace, err := NewTrace(e, f.options())
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

func TestTraceSides(t *testing.T) {
	f := ownFields().set("proc.name", text("Sh")).set("proc.pname", text("cron")).set("proc.aname", texts("cron", "init")).
		set("proc.pid", number(7))
	for _, tt := range []struct {
		text string
		want []Side
	}{
		{"proc.name = sh", []Side{{Name: "proc.name", Values: []string{"Sh"}}}},
		{"proc.pid in (1, 2)", []Side{{Name: "proc.pid", Values: []string{"7"}}}},
		{"proc.aname = cron", []Side{{Name: "proc.aname", Values: []string{"cron", "init"}}}},
		{"fd.name startswith /etc", []Side{{Name: "fd.name", Missing: true}}},
		{"tolower(proc.name) = val(proc.pname)",
			[]Side{{Name: "tolower(proc.name)", Values: []string{"sh"}}, {Name: "proc.pname", Values: []string{"cron"}}}},
	} {
		trace := mustTrace(t, f, tt.text)
		if diff := cmp.Diff(tt.want, trace.Sides(&event.Event{}, NewScratch())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.text, diff)
		}
	}
}

// TestDistance: the comparisons that stand in the way are those nearest to the condition.
func TestDistance(t *testing.T) {
	f := ownFields().set("proc.name", text("sh")).set("proc.pid", number(7)).set("evt.type", text("openat"))
	for _, tt := range []struct {
		text string
		n    int
		turn []string
	}{
		{"proc.name = sh and proc.pid = 7", 0, nil},
		{"proc.name = sh and proc.pid = 8", 1, []string{"proc.pid = 8"}},
		{"proc.name = a and proc.pid = 8", 2, []string{"proc.name = a", "proc.pid = 8"}},
		{"proc.name = a or proc.name = b and proc.pid = 8", 1, []string{"proc.name = a"}},
		{"not (proc.name = sh and proc.pid = 7)", 1, []string{"proc.name = sh"}},
		{"not (proc.name = sh or proc.pid = 7)", 2, []string{"proc.name = sh", "proc.pid = 7"}},
		{"evt.type = open", typeWeight, []string{"evt.type = open"}},
	} {
		trace := mustTrace(t, f, tt.text)
		n, turn := trace.Distance(&event.Event{}, NewScratch())
		var got []string
		for _, part := range turn {
			got = append(got, Print(part.Expr))
		}
		if n != tt.n || !slices.Equal(got, tt.turn) {
			t.Errorf("%s: %d, %v; want %d, %v", tt.text, n, got, tt.n, tt.turn)
		}
	}
}
