package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// workerArg makes the bench binary do a job instead: the sensor never sees itself or its parent's own calls mixed in.
const workerArg = "worker"

// worker runs a job in a process of its own and returns what it printed: ns an operation.
func (b *bench) worker(job string, count int, args ...string) (float64, error) {
	out, err := b.workerCommand(job, count, args...).Output()
	if err != nil {
		return 0, fmt.Errorf("run worker %s: %w", job, err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

func (b *bench) workerCommand(job string, count int, args ...string) *exec.Cmd {
	exe, _ := os.Executable()
	cmd := exec.Command(exe, append([]string{workerArg, job, strconv.Itoa(count), b.dir}, args...)...)
	cmd.Stderr = os.Stderr
	return cmd
}

func work(args []string) error {
	job, dir := args[0], args[2]
	count, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "plain")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return err
	}
	do := map[string]func() error{
		"getppid": func() error { unix.Getppid(); return nil },
		"open":    func() error { return openClose(file) },
		"exec":    func() error { return exec.Command("/bin/true").Run() },
	}[job]
	if job == "paced" {
		rate, err := strconv.Atoi(args[3])
		if err != nil {
			return err
		}
		return paced(file, rate, count)
	}
	if do == nil {
		return fmt.Errorf("job %q is unknown", job)
	}
	begin := time.Now()
	for range count {
		if err := do(); err != nil {
			return err
		}
	}
	fmt.Println(float64(time.Since(begin).Nanoseconds()) / float64(count))
	return nil
}

func openClose(file string) error {
	fd, err := unix.Openat(unix.AT_FDCWD, file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// paced opens at a rate, in bursts of a millisecond's worth, and prints the rate that it reached.
func paced(file string, rate, seconds int) error {
	begin := time.Now()
	end := begin.Add(time.Duration(seconds) * time.Second)
	done := 0
	for now := begin; now.Before(end); now = time.Now() {
		due := int(now.Sub(begin).Seconds() * float64(rate))
		if done >= due {
			time.Sleep(200 * time.Microsecond)
			continue
		}
		for ; done < due; done++ {
			if err := openClose(file); err != nil {
				return err
			}
		}
	}
	fmt.Println(float64(done) / time.Since(begin).Seconds())
	return nil
}
