package sensor

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/report"
)

// requested tells whether whoever runs the sensor asks it to end: SIGINT or SIGTERM by process 1 (a service manager), by an
// ancestor of the sensor (a shell, sudo, timeout), or by another child of its parent on the host, as containerd's shim runs
// runc kill. Children of process 1 are services like any other, and are not meant.
func requested(g *report.Signal) bool {
	if n := unix.Signal(g.Number); n != unix.SIGINT && n != unix.SIGTERM || g.Ptrace {
		return false
	}
	if g.From.Tgid == 1 {
		return true
	}
	parent := int32(os.Getppid())
	if parent > 1 && g.From.ContainerID == event.HostID && g.From.Process != nil && g.From.Process.Ppid == parent {
		return true
	}
	for pid := parent; pid > 1; pid = parentOf(pid) {
		if g.From.Tgid == pid {
			return true
		}
	}
	return false
}

// parentOf reads the parent's pid of a process; 0 if it is gone.
func parentOf(pid int32) int32 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The comm, in parentheses, may hold anything; behind it stand the state and the parent (proc_pid_stat(5)).
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 2 {
		return 0
	}
	ppid, _ := strconv.Atoi(fields[1])
	return int32(ppid)
}
