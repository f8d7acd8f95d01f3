package sinks

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/output"
)

func TestProgram(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprint("keep alive ", keep), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "got")
			p := NewProgram(ProgramSettings{Command: "echo start >>" + path + "; cat >>" + path, KeepAlive: keep})
			write(t, p, "one", "two")
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if keep {
				holds(t, path, "start", "one", "two")
			} else {
				holds(t, path, "start", "one", "start", "two")
			}
		})
	}
}

// A program that has ended is started again for the next alert. What it had taken before is its own affair.
func TestProgramIsStartedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "got")
	p := NewProgram(ProgramSettings{Command: "read line; echo $line >>" + path, KeepAlive: true})
	for _, line := range []string{"one", "two", "three"} {
		write(t, p, line)
		if err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
			t.Fatal(err)
		}
	}
	holds(t, path, "one", "two", "three")
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestProgramFails(t *testing.T) {
	var out bytes.Buffer
	p := NewProgram(ProgramSettings{Command: "cat >/dev/null; echo went wrong; exit 3", Output: &out})
	err := p.Write(output.Message{Text: []byte("x")})
	if err == nil || err.Error() != "run the alert program: exit status 3" || out.String() != "went wrong\n" {
		t.Errorf("%v, it printed %q", err, out.String())
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	p = NewProgram(ProgramSettings{Command: "exec 0<&-; exit 0"})
	// It may be gone before it is written to, or after: only then is it an error.
	if err := p.Write(output.Message{Text: []byte("x")}); err != nil && !strings.Contains(err.Error(), "write to the alert program: ") {
		t.Error(err)
	}
}
