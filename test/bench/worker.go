package main

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

func (b *bench) buildWorker() error {
	b.worker = b.file("worker")
	out, err := exec.Command("gcc", "-O2", "-static", "-o", b.worker, "test/bench/worker/worker.c").CombinedOutput()
	if err != nil {
		return fmt.Errorf("compile the worker: %w\n%s", err, out)
	}
	return nil
}

// job runs one of the worker's jobs, in a process of its own, and returns the ns of one operation as the worker took them.
func (b *bench) job(name string, ops int, file string) (float64, error) {
	return b.jobIn("", name, ops, file)
}

// jobIn is job in another working directory.
func (b *bench) jobIn(dir, name string, ops int, file string) (float64, error) {
	cmd := exec.Command(b.worker, name, strconv.Itoa(ops), file)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return 0, commandError("run worker "+name, err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// command runs a program and returns the ns that it took.
func command(name string, args ...string) (float64, error) {
	begin := time.Now()
	if _, err := exec.Command(name, args...).Output(); err != nil {
		return 0, commandError("run "+name, err)
	}
	return float64(time.Since(begin)), nil
}

// commandError adds what the program wrote on standard error.
func commandError(what string, err error) error {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return fmt.Errorf("%s: %w\n%s", what, err, exit.Stderr)
	}
	return fmt.Errorf("%s: %w", what, err)
}
