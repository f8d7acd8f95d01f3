package testutil

import (
	"io"
	"os/exec"
	"syscall"
	"testing"
)

// Earlier is a shell that runs before a sensor does, with MARK=here in its environment. It opens a file when it is told to.
type Earlier struct {
	PID   int
	stdin io.Writer
}

// StartEarlier starts it as a user, who may read the file. It ends with the test.
func StartEarlier(tb testing.TB, uid uint32, file string) *Earlier {
	tb.Helper()
	cmd := exec.Command("/bin/sh", "-c", `read x; : < "$0"; read x`, file)
	cmd.Env = []string{"MARK=here"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
	})
	return &Earlier{PID: cmd.Process.Pid, stdin: stdin}
}

// Open has it open the file; only the first call does.
func (e *Earlier) Open(tb testing.TB) {
	tb.Helper()
	if _, err := io.WriteString(e.stdin, "go\n"); err != nil {
		tb.Fatal(err)
	}
}
