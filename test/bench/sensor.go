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
	cmd    *exec.Cmd
	stdout *bufio.Reader
	// log closes when standard error has ended; text is complete then.
	log  chan struct{}
	text bytes.Buffer
}

func (b *bench) start(args ...string) (*sensor, error) {
	s := &sensor{cmd: exec.Command(b.binary, args...), log: make(chan struct{})}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	s.stdout = bufio.NewReader(stdout)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan struct{})
	go s.read(stderr, ready)
	select {
	case <-ready:
		return s, nil
	case <-s.log:
		return nil, fmt.Errorf("start the sensor: %s", s.text.String())
	case <-time.After(30 * time.Second):
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

var lostLine = regexp.MustCompile(`Lost records: (\d+) critical ring full, (\d+) bulk ring full`)

// stop ends the sensor and returns how many records it lost. Alerts that were not read are thrown away.
func (s *sensor) stop() (int, error) {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_, _ = io.Copy(io.Discard, s.stdout)
	<-s.log
	if err := s.cmd.Wait(); err != nil {
		return 0, fmt.Errorf("end the sensor: %w\n%s", err, s.text.String())
	}
	m := lostLine.FindStringSubmatch(s.text.String())
	if m == nil {
		return 0, fmt.Errorf("read the exit text: it names no losses\n%s", s.text.String())
	}
	critical, _ := strconv.Atoi(m[1])
	bulk, _ := strconv.Atoi(m[2])
	return critical + bulk, nil
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
