package testutil

import (
	"bytes"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/pkg/cio"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// ExecSpec is a process to run in a container that runs already. What it leaves out is as for the container's first process.
type ExecSpec struct {
	Args []string
	// Env is added to the container's.
	Env      []string
	Terminal bool
	UID      uint32
	// Capabilities, if not nil, are all that the process has.
	Capabilities []string
}

var execCount atomic.Int64

// Exec runs a process in the container and waits for its end. It returns what the process wrote and its exit code.
func (x *Container) Exec(tb testing.TB, s ExecSpec) (output string, code int) {
	tb.Helper()
	spec, err := x.inner.Spec(x.ctx)
	if err != nil {
		tb.Fatalf("read the spec of %s: %v", x.inner.ID(), err)
	}
	p := *spec.Process
	p.Args, p.Env, p.Terminal, p.User.UID = s.Args, append(p.Env, s.Env...), s.Terminal, s.UID
	if c := s.Capabilities; c != nil {
		p.Capabilities = &specs.LinuxCapabilities{Bounding: c, Effective: c, Permitted: c}
	}
	var stdout, stderr bytes.Buffer
	options := []cio.Opt{cio.WithStreams(nil, &stdout, &stderr), cio.WithFIFODir(filepath.Dir(x.output))}
	if s.Terminal {
		options = append(options, cio.WithTerminal)
	}
	task, err := x.task.Exec(x.ctx, fmt.Sprintf("exec-%d", execCount.Add(1)), &p, cio.NewCreator(options...))
	if err != nil {
		tb.Fatalf("execute %q in %s: %v", s.Args, x.inner.ID(), err)
	}
	exit, err := task.Wait(x.ctx)
	if err == nil {
		err = task.Start(x.ctx)
	}
	if err != nil {
		tb.Fatalf("start %q in %s: %v", s.Args, x.inner.ID(), err)
	}
	select {
	case status := <-exit:
		code = int(status.ExitCode())
	case <-time.After(startTimeout):
		tb.Fatalf("wait for %q in %s: it does not end", s.Args, x.inner.ID())
	}
	task.IO().Wait()
	if _, err := task.Delete(x.ctx); err != nil {
		tb.Errorf("delete %q in %s: %v", s.Args, x.inner.ID(), err)
	}
	return stdout.String() + stderr.String(), code
}
