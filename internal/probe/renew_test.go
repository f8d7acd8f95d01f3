package probe

import (
	"strconv"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/event"
)

// floods counts the opens that children of the test made, duplicates once.
func floods(t *testing.T, p *Probe, duplicates *Duplicates, generation uint8) (n int) {
	t.Helper()
	for {
		raw, ok := p.Bulk().Next()
		if !ok {
			p.Bulk().Release()
			return n
		}
		if !duplicates.Again(raw, generation) && isFlood(raw) {
			n++
		}
	}
}

func renewed(t *testing.T, p *Probe, s Settings) {
	t.Helper()
	r, err := p.Renew(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Switch(r); err != nil {
		t.Fatal(err)
	}
}

// The kernel sends what the latest settings ask for: here no opens, then opens, then none again.
func TestRenewFollowsTheSettings(t *testing.T) {
	needRoot(t)
	var opens event.TypeSet
	opens.Add(event.TypeOpenat)
	p, err := Load(Settings{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Attach(); err != nil {
		t.Fatal(err)
	}
	if p.Syscalls() {
		t.Error("nothing asks for system calls, and they are hooked")
	}
	for i, s := range []Settings{{Types: opens}, {}, {Types: opens}} {
		renewed(t, p, s)
		want := 0
		if s.Types.Has(event.TypeOpenat) {
			want = 50
		}
		if out, err := child("open", "50").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if n := floods(t, p, &Duplicates{}, uint8(i+1)); n != want || p.Syscalls() != (want > 0) {
			t.Errorf("settings %d: %d opens are there, not %d; the hook is there: %v", i, n, want, p.Syscalls())
		}
	}
}

// No event is missed or counted twice while the programs change under load.
func TestRenewLosesNothing(t *testing.T) {
	p := loaded(t, Settings{BulkBytes: 64 << 20})
	if err := p.Attach(); err != nil {
		t.Fatal(err)
	}
	cmd := child("flood")
	var out strings.Builder
	cmd.Stdout = &out
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen, generation := 0, uint8(0)
	var duplicates Duplicates
	for range 5 {
		renewed := make(chan *Renewal)
		done := make(chan error)
		go func() {
			r, err := p.Renew(Settings{Types: allCalls()})
			renewed <- r
			if err == nil {
				err = p.Switch(r)
			}
			done <- err
		}()
		for switched := false; !switched; {
			select {
			case r := <-renewed:
				if r != nil {
					generation, duplicates = r.Generation, Duplicates{}
				}
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
				switched = true
			default: // the ring must not fill meanwhile
			}
			seen += floods(t, p, &duplicates, generation)
		}
	}
	_ = stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	seen += floods(t, p, &duplicates, generation)
	k, err := p.Counters()
	if err != nil {
		t.Fatal(err)
	}
	if made, err := strconv.Atoi(out.String()); err != nil || seen != made || k.BulkLost != 0 {
		t.Errorf("%d opens of %s are there, %d records lost", seen, out.String(), k.BulkLost)
	}
}
