package kernel

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// reaperFacts: Parent ended before its child, which Reaper has adopted.
type reaperFacts struct{ Parent, Reaper int32 }

// orphanTrigger starts a shell that starts a process and ends; with an argument it asks to adopt such a process.
func orphanTrigger(args []string) (any, error) {
	if len(args) > 0 {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return nil, err
		}
	}
	// The new process must not keep the pipe open that the output is read from.
	cmd := exec.Command("/bin/sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!")
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var orphan int
	if _, err := fmt.Sscan(string(out), &orphan); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", orphan))
	if err != nil {
		return nil, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	facts := reaperFacts{Parent: int32(cmd.Process.Pid)}
	var state string
	if _, err := fmt.Sscan(rest, &state, &facts.Reaper); err != nil {
		return nil, err
	}
	return facts, unix.Kill(orphan, unix.SIGKILL)
}

// Who gets the children of a process is told at its end, as the kernel then does it.
func TestReaper(t *testing.T) {
	for name, args := range map[string][]string{"by whoever does": nil, "by a subreaper": {"adopt"}} {
		t.Run(name, func(t *testing.T) {
			var facts reaperFacts
			c := trigger(t, &facts, "orphan", args...)
			if len(args) > 0 && facts.Reaper != c.pid {
				t.Fatalf("process %d adopted the orphan, not %d", facts.Reaper, c.pid)
			}
			if got := c.exit(facts.Parent).Exit.Reaper; got != facts.Reaper {
				t.Errorf("the reaper is %d, /proc says %d", got, facts.Reaper)
			}
			if got := c.exit(c.pid).Exit.Reaper; len(args) == 0 && got != 0 {
				t.Errorf("the reaper of a process without children is %d", got)
			}
		})
	}
}
