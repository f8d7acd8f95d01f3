package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// reaction is how fast the sensor is there, and how fast it speaks.
type reaction struct {
	// ready is the smallest time from the start of the process to "ready", rss the memory at that moment in bytes.
	ready time.Duration
	rss   int
	// p50 and p99 are from just before an open to the moment when its alert can be read.
	p50, p99 time.Duration
}

func (b *bench) reaction() (*reaction, error) {
	progress("time to ready, time to an alert")
	rules, err := b.heaviest()
	if err != nil {
		return nil, err
	}
	r := &reaction{}
	for range 7 {
		begin := time.Now()
		s, err := b.start(nil, rules.flags...)
		if err != nil {
			return nil, err
		}
		if took := time.Since(begin); r.ready == 0 || took < r.ready {
			r.ready = took
		}
		r.rss = max(r.rss, s.rss())
		if _, err := s.stop(); err != nil {
			return nil, err
		}
	}
	took, err := b.latencies(500)
	if err != nil {
		return nil, fmt.Errorf("measure the time to an alert: %w", err)
	}
	slices.Sort(took)
	r.p50, r.p99 = took[len(took)/2], took[len(took)*99/100]
	return r, nil
}

// latencies are the times from an open to its alert. The bench itself opens; it is another process than the sensor.
func (b *bench) latencies(samples int) (took []time.Duration, err error) {
	prefix := b.file("alerting-")
	rules := b.file("alerting.yaml")
	text := "- rule: Bench\n  desc: d\n  condition: evt.type = openat and fd.name startswith " + prefix +
		"\n  output: n=%fd.name end\n  priority: NOTICE\n"
	if err := os.WriteFile(rules, []byte(text), 0o600); err != nil {
		return nil, err
	}
	files := make([]string, samples)
	for i := range files {
		files[i] = fmt.Sprint(prefix, i)
		if err := os.WriteFile(files[i], nil, 0o600); err != nil {
			return nil, err
		}
	}
	alerts, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer alerts.Close()
	s, err := b.start(theirs, "-r", rules)
	theirs.Close()
	if err != nil {
		return nil, err
	}
	defer func() {
		if _, end := s.stop(); err == nil {
			err = end
		}
	}()
	in := bufio.NewReader(alerts)
	for i, file := range files {
		begin := time.Now()
		if err := openClose(file); err != nil {
			return nil, err
		}
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return nil, fmt.Errorf("read the alert: %w", err)
			}
			if strings.Contains(line, "n="+file+" end") {
				break
			}
		}
		took = append(took, time.Since(begin))
		time.Sleep(time.Duration(i%7) * time.Millisecond) // so that the samples fall anywhere in the reader's pause
	}
	return took, nil
}

func openClose(file string) error {
	fd, err := unix.Openat(unix.AT_FDCWD, file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}
