package sinks

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/output/outputtest"
	"github.com/saker-sensor/saker/internal/output/spool"
)

// TestKilledAtAnyTime kills a process with a spool twenty times, at random moments, while a server that answers now and then
// takes alerts. What the process says is on disk arrives, in order, and twice only with the same id.
func TestKilledAtAnyTime(t *testing.T) {
	if url := os.Getenv("SPOOL_URL"); url != "" {
		deliverUntilKilled(t, url)
		return
	}
	s := &identified{}
	server := httptest.NewServer(s)
	defer server.Close()
	dir, next := t.TempDir(), 0
	var accepted []int // of each round, the number behind the last alert that was on disk
	for round := range 20 {
		s.set(round%3 == 1, false)
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledAtAnyTime$")
		cmd.Env = append(os.Environ(), "SPOOL_URL="+server.URL, "SPOOL_DIR="+dir, "SPOOL_FIRST="+strconv.Itoa(next))
		cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
		said, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var end *time.Timer
		for sc := bufio.NewScanner(said); sc.Scan(); {
			n, err := strconv.Atoi(sc.Text())
			if err != nil {
				t.Fatalf("the process says %q", sc.Text())
			}
			next = n
			if end == nil { // its life begins with the first word
				end = time.AfterFunc(time.Duration(rand.N(100))*time.Millisecond, func() { _ = cmd.Process.Kill() })
			}
		}
		if err := cmd.Wait(); err == nil || end == nil {
			t.Fatalf("the process was not killed: %v", err)
		}
		accepted = append(accepted, next)
		next += 10_000 // what it put and did not say to be on disk may come, or not
	}
	s.set(false, false)
	h := newHTTP(t, HTTPSettings{URL: server.URL, KeepAlive: true, ShowID: true})
	q := output.NewQueue(outputtest.QuickRetries(),
		output.Named{Name: "http", Sink: h, Spool: spool.New(spool.Settings{Dir: dir, MaxBytes: 64 << 20})})
	q.Start()
	if err := q.Close(outputtest.Deadline(t)); err != nil {
		t.Fatal(err)
	}
	if c := q.Counters(); c.Kept > 0 || c.Errors > 0 {
		t.Errorf("the last run: %+v", c)
	}
	checkAccepted(t, s, accepted)
}

// deliverUntilKilled is the process: it says up to which number alerts are on disk.
func deliverUntilKilled(t *testing.T, url string) {
	first, err := strconv.Atoi(os.Getenv("SPOOL_FIRST"))
	if err != nil {
		t.Fatal(err)
	}
	h := newHTTP(t, HTTPSettings{URL: url, KeepAlive: true, ShowID: true})
	q := output.NewQueue(outputtest.QuickRetries(),
		output.Named{Name: "http", Sink: h, Spool: spool.New(spool.Settings{Dir: os.Getenv("SPOOL_DIR"), MaxBytes: 64 << 20,
			SegmentBytes: 4096})})
	q.Start()
	for next := first; ; next += 10 {
		outputtest.PutNumbered(q, next, next+10)
		if next%100 == 0 {
			outputtest.Until(t, "all on disk", func() bool { return q.Counters().Waiting == 0 })
			fmt.Println(next + 10)
		}
	}
}

// checkAccepted looks for each alert of a run that was said to be on disk.
func checkAccepted(t *testing.T, s *identified, accepted []int) {
	t.Helper()
	ids, came, before, twice := map[string]string{}, map[int]bool{}, -1, 0
	for _, m := range s.Got() {
		n, err := strconv.Atoi(strings.TrimPrefix(string(m.Text), "alert "))
		if err != nil {
			t.Fatal(err)
		}
		if text, again := ids[m.ID]; again {
			if twice++; text != string(m.Text) {
				t.Errorf("id %s is that of %s and of %s", m.ID, text, m.Text)
			}
			continue
		}
		ids[m.ID] = string(m.Text)
		// Runs leave a distance of 10,000 behind what they said; within a run nothing is missing.
		if n != before+1 && n < before+9_000 {
			t.Fatalf("alert %d comes after %d", n, before)
		}
		before, came[n] = n, true
	}
	for _, n := range accepted {
		if !came[n-1] {
			t.Errorf("alert %d was on disk, and did not come", n-1)
		}
	}
	if twice > 20 {
		t.Errorf("%d alerts came twice, in 20 kills", twice)
	}
	t.Logf("%d alerts, %d of them twice", len(ids), twice)
}
