package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine is where and when the figures were taken.
type machine struct {
	processor, kernel, commit, load string
	cpus                            int
	date                            time.Time
	quick                           bool
}

func thisMachine(quick bool) machine {
	m := machine{cpus: runtime.NumCPU(), date: time.Now(), quick: quick, processor: runtime.GOARCH, commit: "an unknown commit"}
	text, _ := os.ReadFile("/proc/cpuinfo")
	if f := regexp.MustCompile(`model name\s*: (.*)`).FindSubmatch(text); f != nil {
		m.processor = string(f[1])
	}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.kernel = unix.ByteSliceToString(name.Release[:])
	}
	if out, err := exec.Command("git", "describe", "--always", "--dirty", "--exclude", "*").Output(); err == nil {
		m.commit = strings.TrimSpace(string(out))
	}
	text, _ = os.ReadFile("/proc/loadavg")
	m.load, _, _ = strings.Cut(string(text), " ")
	return m
}

func (m machine) String() string {
	text := fmt.Sprintf("Taken on %s: %d × %s, kernel %s, %s, commit `%s`, load average %s before the start.\n",
		m.date.Format("2 January 2006"), m.cpus, m.processor, m.kernel, runtime.Version(), m.commit, m.load)
	if m.quick {
		text += "\n**A quick run (`-quick`), on a busy machine: the program works; the figures are to be renewed with `make bench " +
			"ARGS=-update`.**\n"
	}
	return text
}
