package top

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func example() *Report {
	return &Report{
		Sensor: Identity{Version: "1.2.3", PID: 4711, Socket: "/run/saker/top.sock"},
		Time:   time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local), Seconds: 2, Total: Counts{2468000, 25, 300}, AlertsLost: 1, Missed: 2,
		Rules: Table{Rows: []Row{{Name: "Shell in a container", Counts: Counts{400, 24, 1}},
			{Name: "Write below /etc", Counts: Counts{90, 1, 0}}}},
		Containers: Table{Rows: []Row{{Name: "shop", ID: "abcdef012345", Counts: Counts{2400000, 25, 200}},
			{Name: "", ID: "host", Counts: Counts{68000, 0, 0}}},
			Others: Counts{Lost: 100}},
		Processes: Table{Rows: []Row{{Name: "fl\x1b[2Jood\n", ID: "77", In: "shop", Counts: Counts{2400000, 25, 200}},
			{Name: "sh", ID: "9", In: "host", Counts: Counts{3, 0, 0}}},
			More: 5, Others: Counts{67997, 0, 100}},
	}
}

const text = `03:04:05  per second: 1.2M events, 12.5 alerts; lost: 150 records, 0.5 alerts
sensor 1.2.3, pid 4711, /run/saker/top.sock
2 reports before this one were missed: this reader was too slow

 EVENTS/s  ALERTS/s    LOST/s  RULE
      200      12.0       0.5  Shell in a container
     45.0       0.5         0  Write below /etc

 EVENTS/s  ALERTS/s    LOST/s  CONTAINER
     1.2M      12.5       100  shop (abcdef012345)
    34000         0         0  host
        0         0      50.0  others

 EVENTS/s  ALERTS/s    LOST/s  PROCESS
     1.2M      12.5       100  fl.[2Jood. (77) in shop
      1.5         0         0  sh (9) in host
    33998         0      50.0  others (5 more)
`

func TestText(t *testing.T) {
	if diff := cmp.Diff(text, Screen{}.Text(example())); diff != "" {
		t.Error(diff)
	}
	got := Screen{Rows: 1, Width: 42}.Text(example())
	for _, want := range []string{"     45.0       0.5         0  others (1 m\n", "    34000         0      50.0  others (1 m\n",
		"    34000         0      50.0  others (6 m\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("it lacks %q:\n%s", want, got)
		}
	}
	for line := range strings.Lines(got) {
		if utf8.RuneCountInString(line) > 43 {
			t.Errorf("too wide: %q", line)
		}
	}
}

func TestFrame(t *testing.T) {
	got := Screen{}.Frame(example(), 6)
	if n := strings.Count(got, "\n"); n != 5 || !strings.HasPrefix(got, "\x1b[H03:04:05") || !strings.HasSuffix(got, "\r\n\x1b[J") {
		t.Errorf("%d lines: %q", n, got)
	}
	if n := strings.Count(Screen{}.Frame(example(), 0), "\n"); n != strings.Count(text, "\n") {
		t.Errorf("%d lines without a height", n)
	}
}
