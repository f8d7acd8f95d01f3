package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/testutil"
)

// looks is a sensor that can be looked at, and a file whose opens alert.
type looks struct {
	*testutil.Sensor
	socket, file string
}

func startLooks(t *testing.T, args ...string) *looks {
	t.Helper()
	l := &looks{socket: filepath.Join(t.TempDir(), "top.sock"), file: filepath.Join(t.TempDir(), "watched")}
	if err := os.WriteFile(l.file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	rules := testutil.RulesFile(t, fmt.Sprintf(`
- rule: Watched file
  desc: d
  condition: evt.type = openat and fd.name = %s
  output: x
  priority: NOTICE
`, l.file))
	l.Sensor = startSensor(t, append(args, "-r", rules, "-o", "top.socket="+l.socket)...)
	return l
}

// top is the command that looks.
func (l *looks) top(args ...string) *exec.Cmd {
	return exec.Command(sensorBinary, append([]string{"top", "-c", os.DevNull, "--socket", l.socket}, args...)...)
}

// topReport is what the test reads of a line.
type topReport struct {
	Sensor struct {
		Version, Socket string
		PID             int
	}
	Seconds float64
	Total   struct{ Events, Alerts, Lost uint64 }
	Rules   struct{ Rows []topRow }
	// Containers and Processes have an id.
	Containers, Processes struct{ Rows []topRow }
}

type topRow struct {
	Name, ID, Container  string
	Events, Alerts, Lost uint64
}

func rowOf(rows []topRow, name, id string) (r topRow) {
	for _, row := range rows {
		if row.Name == name && (id == "" || row.ID == id) {
			return row
		}
	}
	return topRow{}
}

// TestTop: while somebody looks, each open is told once, by rule, container and process.
func TestTop(t *testing.T) {
	const opens = 500
	l := startLooks(t)
	cmd := l.top("--format", "json")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	lines, pid := json.NewDecoder(out), fmt.Sprint(os.Getpid())
	next := func() (r topReport) {
		t.Helper()
		if err := lines.Decode(&r); err != nil {
			t.Fatal(err)
		}
		if r.Seconds < .5 || r.Seconds > 60 {
			t.Errorf("a report of %v s", r.Seconds)
		}
		return r
	}
	who := next().Sensor // it counts from now on
	if who.PID != l.Cmd.Process.Pid || who.Socket != l.socket || who.Version == "" {
		t.Errorf("the counts are said to be of %+v", who)
	}
	openTimes(t, l.file, opens)
	var rule, host, process topRow
	for end := time.Now().Add(60 * time.Second); rule.Alerts < opens && time.Now().Before(end); {
		r := next()
		for _, sum := range []struct {
			all *topRow
			row topRow
		}{{&rule, rowOf(r.Rules.Rows, "Watched file", "")}, {&host, rowOf(r.Containers.Rows, "host", "host")},
			{&process, rowOf(r.Processes.Rows, "e2e.test", pid)}} {
			sum.all.Alerts += sum.row.Alerts
			sum.all.Events += sum.row.Events
			sum.all.Lost += sum.row.Lost
		}
		if r.Total.Alerts < rowOf(r.Rules.Rows, "Watched file", "").Alerts {
			t.Errorf("fewer alerts in all than of a rule: %+v", r)
		}
	}
	for what, sum := range map[string]topRow{"rule": rule, "container": host, "process": process} {
		if sum.Alerts != opens || sum.Events < opens || sum.Lost != 0 {
			t.Errorf("the %s has %d events, %d alerts, %d losses; %d opens were made", what, sum.Events, sum.Alerts, sum.Lost, opens)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended by ^C: %v", err)
	}
	l.Stop()
}

// TestTopOnce: plain text for who has no terminal, and clear words where there is nothing to see.
func TestTopOnce(t *testing.T) {
	l := startLooks(t)
	text, err := l.top("--once").CombinedOutput()
	if err != nil || !strings.Contains(string(text), "per second: ") ||
		!strings.Contains(string(text), "EVENTS/s  ALERTS/s    LOST/s  PROCESS\n") || strings.Contains(string(text), "\x1b") {
		t.Errorf("%v: %s", err, text)
	}
	if text, err := l.top("-n", "2").CombinedOutput(); err != nil || strings.Count(string(text), "per second: ") != 2 {
		t.Errorf("%v: %s", err, text)
	}
	l.Stop()
	if text, err := l.top("--once").CombinedOutput(); err == nil || !strings.Contains(string(text), "Error: no sensor listens on "+l.socket) {
		t.Errorf("without a sensor: %v: %s", err, text)
	}
}

// TestTopTerminal: frames fill a terminal, which is given back at the end.
func TestTopTerminal(t *testing.T) {
	l := startLooks(t)
	master, tty := terminal(t, 24, 60)
	cmd := l.top("-n", "2")
	cmd.Stdout = tty
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	tty.Close()
	var got bytes.Buffer
	for buf := make([]byte, 1<<16); ; {
		n, err := master.Read(buf)
		got.Write(buf[:n])
		if err != nil { // nobody has it open any more
			break
		}
	}
	text := got.String()
	if !strings.HasPrefix(text, "\x1b[?1049h") || !strings.HasSuffix(text, "\x1b[?1049l") {
		t.Errorf("the screen is not given back: %q", text)
	}
	frames := strings.Split(text, "\x1b[H")[1:]
	if len(frames) != 2 {
		t.Fatalf("%d frames: %q", len(frames), text)
	}
	for _, f := range frames {
		if n := strings.Count(f, "\n"); n < 3 || n > 23 {
			t.Errorf("a frame of %d lines on a terminal of 24", n)
		}
		for line := range strings.SplitSeq(f, "\x1b[K\r") {
			if len(line) > 64 {
				t.Errorf("a line is wider than the terminal: %q", line)
			}
		}
	}
	l.Stop()
}

// terminal is a pseudo-terminal of a size.
func terminal(t *testing.T, lines, columns uint16) (master, tty *os.File) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	must(err)
	t.Cleanup(func() { master.Close() })
	must(unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	must(err)
	must(unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: lines, Col: columns}))
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	must(err)
	t.Cleanup(func() { tty.Close() })
	return master, tty
}
