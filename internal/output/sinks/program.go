package sinks

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/output"
)

// programPatience is how long a program may run on once its input is closed, before it is killed.
const programPatience = 5 * time.Second

// ProgramSettings are those of falco.yaml's program_output.
type ProgramSettings struct {
	// Command is run by "sh -c" and gets the alerts on its standard input, a line each.
	Command string
	// KeepAlive starts it once; otherwise it runs anew for each alert (keep_alive).
	KeepAlive bool
	// Output gets what the program prints. Nil throws it away.
	Output io.Writer
}

// Program is a sink to the standard input of a program.
type Program struct {
	settings ProgramSettings
	// cmd is nil while none runs.
	cmd   *exec.Cmd
	stdin io.WriteCloser
	line  []byte
}

// NewProgram makes the sink. The program starts with the first alert.
func NewProgram(s ProgramSettings) *Program { return &Program{settings: s} }

// Write implements [output.Sink]. A program that was kept alive and has ended meanwhile is started again: at once if it ended well, by the
// queue's next try if it failed, so that one that can't run is no busy loop, and its error is seen.
func (p *Program) Write(m output.Message) error {
	p.line = append(append(p.line[:0], m.Text...), '\n')
	kept := p.cmd != nil
	err := p.write()
	if kept && errors.Is(err, unix.EPIPE) {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			return fmt.Errorf("%w: %w", output.ErrAgain, err)
		}
		err = p.write()
	}
	if err != nil || p.settings.KeepAlive {
		return err
	}
	return p.end()
}

func (p *Program) write() error {
	if p.cmd == nil {
		if err := p.start(); err != nil {
			return fmt.Errorf("start the alert program: %w", err)
		}
	}
	if _, err := p.stdin.Write(p.line); err != nil {
		return errors.Join(fmt.Errorf("write to the alert program: %w", err), p.end())
	}
	return nil
}

func (p *Program) start() error {
	cmd := exec.Command("sh", "-c", p.settings.Command)
	cmd.Stdout, cmd.Stderr = p.settings.Output, p.settings.Output
	cmd.WaitDelay = programPatience // a child that it left behind may hold the output
	// A group of its own: it does not get the signals of the sensor's terminal, and is killed with its children.
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.stdin = cmd, stdin
	return nil
}

// end closes the program's input and waits for its end.
func (p *Program) end() error {
	if p.cmd == nil {
		return nil
	}
	cmd := p.cmd
	_ = p.stdin.Close() // fails only if the program is gone
	p.cmd, p.stdin = nil, nil
	kill := time.AfterFunc(programPatience, func() { _ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) })
	defer kill.Stop()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("run the alert program: %w", err)
	}
	return nil
}

// Flush implements [output.Sink].
func (p *Program) Flush() error { return nil }

// Close implements [output.Sink].
func (p *Program) Close() error { return p.end() }
