package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/testutil"
)

// TestManyContainers: what containers cost in memory, with as many labels and mounts as a pod's have, and what it costs to learn of 50 a
// second.
func TestManyContainers(t *testing.T) {
	const perSecond = 50
	l := newLab(t, "k8s.io")
	s := startSensor(t, "-r", guide, "-o", l.socket(), "-o", "log_level=debug")
	pid := s.Cmd.Process.Pid
	before, cpuBefore, began := resident(t, pid), processorTime(t, pid), time.Now()
	tick := time.NewTicker(time.Second / perSecond)
	defer tick.Stop()
	for i := range *containers {
		<-tick.C
		l.CreateRecord(t, l.InPod(l.image, fmt.Sprintf("many-%04d", i)))
	}
	took := time.Since(began)
	// The last one's own alert says that all were learned.
	l.Run(t, testutil.ContainerSpec{
		Namespace: "k8s.io", ID: testutil.HexID("last"), Image: l.image, Labels: testutil.PodLabels("last", "identity", "last"),
		Args: []string{"/bin/sh", "-c", "true"},
	})
	s.Next("the last one's shell", func(a *alert) bool { return a.Field("container.name") == "last" })
	after, cpu := resident(t, pid), processorTime(t, pid)-cpuBefore
	t.Logf("%d containers: %.1f MB resident, %.1f MB before; %.0f made a second: %.2f %% of a processor",
		*containers, float64(after)/1e6, float64(before)/1e6, float64(*containers)/took.Seconds(), 100*cpu.Seconds()/took.Seconds())
	if growth := after - before; growth > 40e6 && !testutil.RaceEnabled {
		t.Errorf("%d containers take %.1f MB", *containers, float64(growth)/1e6)
	}
	s.Stop()
}

// resident is a process's resident memory in bytes.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	fields := strings.Fields(readProc(t, pid, "statm"))
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// processorTime is what a process has used: utime and stime of proc_pid_stat(5), in hundredths of a second.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text := readProc(t, pid, "stat")
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	sum := int64(0)
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return time.Duration(sum) * 10 * time.Millisecond
}

func readProc(t *testing.T, pid int, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
