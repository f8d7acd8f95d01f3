package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// sensor is a running sensor.
type sensor struct {
	cmd *exec.Cmd
	// log closes when standard error has ended; text is complete then.
	log  chan struct{}
	text bytes.Buffer
}

// start starts a sensor and waits until it is ready. Its alerts go to a file of the caller's, or nowhere. The machine's
// own configuration has no say.
func (b *bench) start(alerts *os.File, args ...string) (*sensor, error) {
	s := &sensor{cmd: exec.Command(b.sensor, append([]string{"-c", os.DevNull}, args...)...), log: make(chan struct{})}
	if alerts != nil {
		s.cmd.Stdout = alerts
	}
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the sensor: %w", err)
	}
	ready := make(chan struct{})
	go s.read(stderr, ready)
	select {
	case <-ready:
		return s, nil
	case <-s.log:
		return nil, fmt.Errorf("start the sensor: %s", s.text.String())
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		return nil, fmt.Errorf("start the sensor: not ready after 30 s")
	}
}

func (s *sensor) read(r io.Reader, ready chan<- struct{}) {
	defer close(s.log)
	for sc := bufio.NewScanner(r); sc.Scan(); {
		s.text.WriteString(sc.Text() + "\n")
		if ready != nil && strings.Contains(sc.Text(), "\tready\t") {
			close(ready)
			ready = nil
		}
	}
}

// totals is what the exit text says of a whole run.
type totals struct {
	// sent is the number of records that the kernel made, those that were lost too.
	sent, lost, alerts, dropped int
}

var exitText = regexp.MustCompile(`(?s)records from the kernel: (\d+)\).*Alerts: (\d+) written, (\d+) dropped.*` +
	`Lost records: (\d+) critical ring full, (\d+) bulk ring full`)

// stop ends the sensor, which reads its rings to the end first.
func (s *sensor) stop() (totals, error) {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.log
	if err := s.cmd.Wait(); err != nil {
		return totals{}, fmt.Errorf("end the sensor: %w\n%s", err, s.text.String())
	}
	m := exitText.FindStringSubmatch(s.text.String())
	if m == nil {
		return totals{}, fmt.Errorf("read the exit text: it names no records, alerts or losses\n%s", s.text.String())
	}
	var n [5]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1])
	}
	lost := n[3] + n[4]
	return totals{sent: n[0] + lost, lost: lost, alerts: n[1], dropped: n[2]}, nil
}

// rss is the sensor's resident memory in bytes.
func (s *sensor) rss() int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(text)
	if m == nil {
		return 0
	}
	kb, _ := strconv.Atoi(string(m[1]))
	return kb * 1024
}

// cpu is the processor time that the sensor has used, from /proc/PID/schedstat, which counts in ns.
func (s *sensor) cpu() time.Duration {
	var sum time.Duration
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", s.cmd.Process.Pid))
	for _, t := range tasks {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", s.cmd.Process.Pid, t.Name()))
		if f := strings.Fields(string(text)); len(f) > 0 {
			ns, _ := strconv.ParseInt(f[0], 10, 64)
			sum += time.Duration(ns)
		}
	}
	return sum
}

// settled waits until the sensor has worked off what it was sent, and returns the processor time used until then.
func (s *sensor) settled() time.Duration {
	const look, idle, patience = 50 * time.Millisecond, 5 * time.Millisecond, 10 * time.Second
	used := s.cpu()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		time.Sleep(look)
		before := used
		if used = s.cpu(); used-before < idle {
			break
		}
	}
	return used
}
