package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// piped is a command whose standard output and standard error are pipes that the test reads, and may close.
type piped struct {
	*exec.Cmd
	t              *testing.T
	stdout, stderr *bufio.Reader
	outPipe        io.Closer
	errPipe        io.Closer
}

func startPiped(t *testing.T, args ...string) *piped {
	t.Helper()
	p := &piped{Cmd: exec.Command(sensorBinary, args...), t: t}
	for _, to := range []struct {
		file   *io.Writer
		reader **bufio.Reader
		pipe   *io.Closer
	}{{&p.Stdout, &p.stdout, &p.outPipe}, {&p.Stderr, &p.stderr, &p.errPipe}} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		defer w.Close()
		*to.file, *to.reader, *to.pipe = w, bufio.NewReader(r), r
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(2*time.Minute, func() { _ = p.Process.Kill() })
	t.Cleanup(func() {
		watchdog.Stop()
		_ = p.Process.Kill()
		_ = p.Wait() // an error if it was waited for
	})
	return p
}

// readTo reads lines up to one that holds a text, and returns them.
func (p *piped) readTo(r *bufio.Reader, text string) string {
	p.t.Helper()
	var all strings.Builder
	for {
		line, err := r.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			p.t.Fatalf("%q does not come: %v:\n%s", text, err, all.String())
		}
		if strings.Contains(line, text) {
			return all.String()
		}
	}
}

// TestReaderGoesAway: a sensor whose alerts nobody reads any more goes on, and so it does without a reader of its log. Its other
// outputs get every alert; log, health and metrics say what fails; it ends in order.
func TestReaderGoesAway(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: the sensor loads BPF programs")
	}
	for _, closed := range []struct {
		name           string
		stdout, stderr bool
	}{{"standard output", true, false}, {"standard error", false, true}, {"both", true, true}} {
		for _, buffered := range []bool{false, true} {
			if buffered && !closed.stdout {
				continue
			}
			t.Run(fmt.Sprintf("%s buffered %v", closed.name, buffered), func(t *testing.T) {
				t.Parallel()
				readerGoesAway(t, closed.stdout, closed.stderr, buffered)
			})
		}
	}
}

func readerGoesAway(t *testing.T, stdout, stderr, buffered bool) {
	const n = 20
	dir, out := t.TempDir(), t.TempDir()
	file, mask := filepath.Join(out, "alerts"), filepath.Join(out, "mask")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address, port := free.Addr().String(), free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	p := startPiped(t, "-c", os.DevNull, "-r", numbered(t, dir), "-o", "rule_matching=all", "-o", "guard.state_file=", "-o", "top.socket=",
		"-o", "webserver.listen_address=127.0.0.1", "-o", fmt.Sprint("webserver.listen_port=", port), "-o", "metrics.enabled=true",
		"-o", "webserver.prometheus_metrics_enabled=true", "-o", fmt.Sprint("buffered_outputs=", buffered),
		"-o", "file_output.enabled=true", "-o", "file_output.filename="+file,
		"-o", "program_output.enabled=true", "-o", "program_output.keep_alive=true", "-o",
		"program_output.program=grep SigIgn /proc/self/status >"+mask+"; cat >/dev/null")
	p.readTo(p.stderr, "ready")
	openNumbered(t, dir, 0, 1)
	p.readTo(p.stdout, dir+"/n0")
	if stdout {
		_ = p.outPipe.Close()
	}
	if stderr {
		_ = p.errPipe.Close()
	}
	openNumbered(t, dir, 1, n)
	alerts := func() string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	waitFor(t, "the last alert in the file", func() bool { return strings.Contains(alerts(), fmt.Sprintf("%s/n%d ", dir, n-1)) })
	for i := range n {
		if want := fmt.Sprintf("%s/n%d ", dir, i); strings.Count(alerts(), want) != 1 {
			t.Errorf("%d alerts about n%d in the file", strings.Count(alerts(), want), i)
		}
	}
	if stdout {
		waitBody(t, "http://"+address+"/healthz", `output stdout: `)
		waitBody(t, "http://"+address+"/metrics", `saker_sink_failing{sink="stdout"} 1`)
		waitBody(t, "http://"+address+"/metrics", `saker_sink_failing{sink="file"} 0`)
	}
	if stdout && !stderr {
		if line := p.readTo(p.stderr, "an output does not deliver"); !strings.Contains(line, "broken pipe") {
			t.Errorf("the log says %q", line)
		}
	}
	if stdout && stderr {
		waitBody(t, "http://"+address+"/healthz", "lines could not be written")
	}
	if !stdout {
		p.readTo(p.stdout, fmt.Sprintf("%s/n%d ", dir, n-1))
	}
	// A program that the sensor starts does not inherit that SIGPIPE is ignored. It starts in its own time.
	var text []byte
	waitFor(t, "the program's mask", func() bool {
		text, _ = os.ReadFile(mask)
		return bytes.HasSuffix(text, []byte("\n"))
	})
	var ignored uint64
	if _, err := fmt.Sscanf(string(text), "SigIgn:\t%x", &ignored); err != nil || ignored&(1<<(syscall.SIGPIPE-1)) != 0 {
		t.Errorf("the program has %q: %v", text, err)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if !stderr {
		rest := p.readTo(p.stderr, "Names not known")
		if m := regexp.MustCompile(`stdout: 1 written, 0 dropped \(queue full\), (\d+) failed \(sink error\)`).FindStringSubmatch(
			rest); m == nil || m[1] == "0" {
			t.Errorf("the exit text:\n%s", rest)
		}
	}
	if err := p.Wait(); err != nil {
		t.Errorf("the sensor ends with %v", err)
	}
}

// TestShortCommandsEndQuietly: a command that answers and ends says nothing when its reader is content with a part, and ends at once.
func TestShortCommandsEndQuietly(t *testing.T) {
	l := startLooks(t)
	for _, args := range [][]string{
		{"--list", "--format=markdown"}, {"--list-events"}, {"-L", "-c", os.DevNull}, {"--support", "-c", os.DevNull}, {"--config-schema"},
		{"--version"},
		{"config", "show", "-c", os.DevNull}, {"top", "-c", os.DevNull, "-o", "top.socket=" + l.socket},
	} {
		t.Run(strings.Join(args[:min(len(args), 2)], " "), func(t *testing.T) {
			p := startPiped(t, args...)
			_ = p.outPipe.Close()
			said, err := io.ReadAll(p.stderr)
			if err != nil || len(said) > 0 {
				t.Errorf("it says %q: %v", said, err)
			}
			// As other commands do, it ends by the signal.
			var end *exec.ExitError
			if err := p.Wait(); !errors.As(err, &end) || end.Sys().(syscall.WaitStatus).Signal() != unix.SIGPIPE {
				t.Errorf("it ends with %v", err)
			}
		})
	}
}
