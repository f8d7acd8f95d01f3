package sinks

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/output"
)

func message(text string) output.Message {
	return output.Message{Text: []byte(text), Priority: "Notice"}
}

// A reader that goes away costs what it does not read; the next reader of the same FIFO gets the next alerts, whole.
func TestFIFO(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprint("keep open ", keep), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "fifo")
			if err := unix.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			f := openFile(t, FileSettings{Path: path, KeepOpen: keep})
			if err := f.Write(message("nobody")); !errors.Is(err, errNoReader) {
				t.Errorf("without a reader: %v", err)
			}
			for _, reader := range []string{"first", "second"} {
				r, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
				if err != nil {
					t.Fatal(err)
				}
				write(t, f, reader)
				if line, err := bufio.NewReader(r).ReadString('\n'); err != nil || line != reader+"\n" {
					t.Errorf("the %s reader got %q: %v", reader, line, err)
				}
				_ = r.Close()
				for range 2 { // EPIPE if the file is open, then an attempt to open it
					if err := f.Write(message("gone")); !errors.Is(err, unix.EPIPE) && !errors.Is(err, errNoReader) {
						t.Errorf("behind the %s reader: %v", reader, err)
					}
				}
			}
		})
	}
}

// partial takes a part of one write, then fails for as long as it has failures left.
type partial struct {
	strings.Builder
	take     int
	failures int
}

func (p *partial) Write(b []byte) (int, error) {
	if p.failures == 0 {
		return p.Builder.Write(b)
	}
	p.failures--
	n, _ := p.Builder.Write(b[:min(p.take, len(b))])
	p.take = 0
	return n, unix.EPIPE
}

// A line that was cut short spoils no other.
func TestWriterFinishesLines(t *testing.T) {
	for _, buffered := range []bool{false, true} {
		p := &partial{take: 2, failures: 2}
		s := NewWriter(p, buffered)
		for _, text := range []string{"first", "second", "third", "fourth"} {
			err := s.Write(message(text))
			if e := s.Flush(); err == nil {
				err = e
			}
			if lost := text == "first" || text == "second"; lost != errors.Is(err, unix.EPIPE) {
				t.Errorf("buffered %v: %s: %v", buffered, text, err)
			}
		}
		if got := p.String(); got != "fi\nthird\nfourth\n" {
			t.Errorf("buffered %v: got %q", buffered, got)
		}
	}
}

// A full disk takes a part of a line; the next one begins on a line of its own, also if the file was opened anew in between.
func TestFileFinishesLines(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: it mounts a file system")
	}
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=8k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "alerts")
	f := openFile(t, FileSettings{Path: path, KeepOpen: true})
	write(t, f, strings.Repeat("a", 4000))
	for range 2 {
		if err := f.Write(message(strings.Repeat("b", 4000))); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("a full disk: %v", err)
		}
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	write(t, f, "c")
	holds(t, path, strings.Repeat("a", 4000), strings.Repeat("b", 95), "c")
}

// A program that can't run is an error that the queue tries again, not an alert that is said to be delivered.
func TestProgramThatFails(t *testing.T) {
	p := NewProgram(ProgramSettings{Command: "exit 7", KeepAlive: true})
	for range 3 {
		if err := p.Write(message("x")); err != nil && !errors.Is(err, unix.EPIPE) {
			t.Fatal(err) // the first write finds the program alive, or not
		}
		if p.cmd == nil {
			continue
		}
		if err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
			t.Fatal(err)
		}
		err := p.Write(message("x"))
		if !errors.Is(err, output.ErrAgain) || !strings.Contains(err.Error(), "run the alert program: exit status 7") {
			t.Fatalf("the program has failed: %v", err)
		}
	}
}
