package node

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// component is one of the cluster's daemons.
type component struct {
	name, log string
	args      []string
	env       []string // nil: this process's
	cmd       *exec.Cmd
	exited    chan struct{}
}

// start runs it, also again. Its output is appended to its log.
func (c *component) start() error {
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	defer log.Close()
	c.cmd = exec.Command(c.args[0], c.args[1:]...)
	c.cmd.Env, c.cmd.Stdout, c.cmd.Stderr = c.env, log, log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the terminal's Ctrl-C is for the tests
	if err := c.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	exited, cmd := make(chan struct{}), c.cmd
	c.exited = exited
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	return nil
}

// kill ends it without a chance to clean up.
func (c *component) kill() {
	_ = c.cmd.Process.Kill()
	<-c.exited
}

// tail is the end of its log.
func (c *component) tail() string {
	text, _ := os.ReadFile(c.log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// wait asks again and again until the answer is no error. It gives up when the component has ended, or is silent for too long.
func (c *component) wait(ask func() error) error {
	for deadline := time.Now().Add(2 * time.Minute); ; {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-c.exited:
			return fmt.Errorf("start %s: it ended: %s\n%s", c.name, c.cmd.ProcessState, c.tail())
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("start %s: it does not answer: %w\n%s", c.name, err, c.tail())
		}
	}
}
