package cluster

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// follower reads the logs of all sensors as the kubelet has them on the disk: also while the API server or the kubelet is down, and to
// their end when a pod is removed.
type follower struct {
	stop, done chan struct{}

	mu     sync.Mutex
	alerts []sensorAlert
	own    strings.Builder
	// wrong are lines of standard output that are no alert.
	wrong []string
}

// sensorAlert is an alert and the pod of the sensor that told it.
type sensorAlert struct {
	alert
	sensor string
	line   string
	at     time.Time // when the runtime has read its end
}

// time is the event's, in ns since the epoch.
func (a sensorAlert) time(t *testing.T) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, a.Time)
	if err != nil {
		t.Fatalf("the time of an alert: %v", err)
	}
	return at.UnixNano()
}

// follow reads until the test ends.
func follow(t *testing.T) *follower {
	f := &follower{stop: make(chan struct{}), done: make(chan struct{})}
	go f.run()
	t.Cleanup(func() {
		close(f.stop)
		<-f.done
		for _, line := range f.wrong {
			t.Errorf("standard output has a line that is no alert: %q", line)
		}
		if t.Failed() {
			t.Logf("the sensors' logs:\n%s", f.log())
		}
	})
	return f
}

// logFile is one that is being read.
type logFile struct {
	file    *os.File
	partial []byte            // of a line that was not complete yet
	split   map[string][]byte // by stream: of a line that the runtime has split
}

func (f *follower) run() {
	defer close(f.done)
	files := map[string]*logFile{}
	defer func() {
		for _, l := range files {
			l.file.Close()
		}
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		found, _ := filepath.Glob("/var/log/pods/saker_*/saker/*.log")
		for _, name := range found {
			if files[name] == nil {
				if file, err := os.Open(name); err == nil {
					files[name] = &logFile{file: file, split: map[string][]byte{}}
				}
			}
		}
		for name, l := range files {
			f.read(filepath.Base(filepath.Dir(filepath.Dir(name))), l)
		}
		select {
		case <-f.stop:
			return
		case <-tick.C:
		}
	}
}

// read takes what is new. A line is TIME STREAM TAG TEXT, where TAG is P if the text goes on in the next line (CRI's log format).
func (f *follower) read(sensor string, l *logFile) {
	var chunk [64 << 10]byte
	for {
		n, err := l.file.Read(chunk[:])
		l.partial = append(l.partial, chunk[:n]...)
		for {
			line, rest, complete := bytes.Cut(l.partial, []byte("\n"))
			if !complete {
				break
			}
			l.partial = rest
			if parts := bytes.SplitN(line, []byte(" "), 4); len(parts) == 4 {
				stream := string(parts[1])
				l.split[stream] = append(l.split[stream], parts[3]...)
				if string(parts[2]) == "F" {
					at, _ := time.Parse(time.RFC3339Nano, string(parts[0]))
					f.take(sensor, stream, l.split[stream], at)
					l.split[stream] = nil
				}
			}
		}
		if n == 0 || err != nil {
			return
		}
	}
}

func (f *follower) take(sensor, stream string, line []byte, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if stream != "stdout" {
		f.own.Write(line)
		f.own.WriteByte('\n')
		return
	}
	var a alert
	if json.Unmarshal(line, &a) != nil || a.Rule == "" {
		f.wrong = append(f.wrong, string(line))
		return
	}
	f.alerts = append(f.alerts, sensorAlert{alert: a, sensor: sensor, line: string(line), at: at})
}

// seen are the alerts up to now.
func (f *follower) seen() []sensorAlert {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.alerts)
}

// log is what the sensors said of themselves.
func (f *follower) log() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.own.String()
}
