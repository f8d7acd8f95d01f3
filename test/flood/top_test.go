package flood

import (
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/testutil"
)

// counts are those of a row of sensor top.
type counts struct{ Events, Alerts, Lost uint64 }

type row struct {
	Name, ID, Container string
	counts
}

type report struct {
	Total                        counts
	Rules, Containers, Processes struct{ Rows []row }
}

func find(rows []row, name, id string) counts {
	for _, r := range rows {
		if r.Name == name && r.ID == id {
			return r.counts
		}
	}
	return counts{}
}

// TestFloodInTop: who looks during a flood sees which process and which container make it, what they lose, and which rule
// alerts; and no more losses than there are.
func TestFloodInTop(t *testing.T) {
	l := newLab(t)
	top := exec.Command(l.binary, "top", "-c", os.DevNull, "-o", "top.socket="+l.socket, "--format", "json")
	out, err := top.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := top.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = top.Process.Kill() }()
	reports := make(chan report)
	go func() {
		defer close(reports)
		for lines := json.NewDecoder(out); ; {
			var r report
			if lines.Decode(&r) != nil {
				return
			}
			reports <- r
		}
	}()
	<-reports // it counts from now on
	x := l.flood(t)
	id, pid := testutil.HexID("flood")[:12], strconv.Itoa(x.Pid)
	var total, process, container, rule counts
	add := func(sum *counts, c counts) {
		sum.Events, sum.Alerts, sum.Lost = sum.Events+c.Events, sum.Alerts+c.Alerts, sum.Lost+c.Lost
	}
	timeout := time.After(deadline)
	for seen := false; !seen; seen = process.Lost > 0 && container.Lost > 0 && rule.Alerts > 0 {
		select {
		case r, ok := <-reports:
			if !ok {
				t.Fatal("sensor top ended")
			}
			add(&total, r.Total)
			add(&process, find(r.Processes.Rows, "flooder", pid))
			add(&container, find(r.Containers.Rows, "flood", id))
			add(&rule, find(r.Rules.Rows, "Flood", ""))
		case <-timeout:
			t.Fatalf("the flooder is not seen: %+v, process %+v, container %+v, rule %+v", total, process, container, rule)
		}
	}
	if err := top.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	l.runCommands(t)
	opens := l.end(t, x)
	k := l.check(t, opens)
	t.Logf("of %+v the process has %+v, the container %+v, the rule %+v", total, process, container, rule)
	for what, c := range map[string]counts{"process": process, "container": container} {
		if c.Events > total.Events || c.Alerts > total.Alerts || c.Lost > total.Lost {
			t.Errorf("the %s has %+v of %+v", what, c, total)
		}
		if c.Alerts*10 < total.Alerts*9 {
			t.Errorf("the %s has %d of %d alerts", what, c.Alerts, total.Alerts)
		}
	}
	if total.Lost > k.lost || process.Alerts > opens || rule.Events < rule.Alerts {
		t.Errorf("%+v, rule %+v, but %d records were lost, and %d opens made", total, rule, k.lost, opens)
	}
}
