package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// hook is a place in the kernel where an empty program can sit.
type hook struct{ group, name string }

// hookSets are compared with each other: what a hook costs before its program does anything.
var hookSets = []struct {
	name  string
	hooks []hook
}{
	{"no program", nil},
	{"tp_btf/sys_exit", []hook{{"", "sys_exit"}}},
	{"tp_btf/sys_enter, sys_exit", []hook{{"", "sys_enter"}, {"", "sys_exit"}}},
	{"tp/syscalls/sys_exit_openat", []hook{{"syscalls", "sys_exit_openat"}}},
	{"tp/syscalls/sys_{enter,exit}_openat", []hook{{"syscalls", "sys_enter_openat"}, {"syscalls", "sys_exit_openat"}}},
	{"tp_btf/sys_exit and tp/…/sys_exit_openat", []hook{{"", "sys_exit"}, {"syscalls", "sys_exit_openat"}}},
}

// hookCost is the smallest time of each operation with a set of hooks.
type hookCost struct {
	name          string
	getppid, open float64
}

// hooks measures the hooks by turns, without a sensor.
func (b *bench) hooks() (costs []hookCost, err error) {
	_ = rlimit.RemoveMemlock() // needed before 5.11 only; the load itself tells if it was
	rounds := 15
	if b.quick {
		rounds = 3
	}
	progress("hooks: %d rounds of %d", rounds, len(hookSets))
	for _, set := range hookSets {
		costs = append(costs, hookCost{name: set.name})
	}
	for round := range rounds {
		for turn := range hookSets {
			i := (round + turn) % len(hookSets)
			if err := b.hookRound(hookSets[i].hooks, &costs[i]); err != nil {
				return nil, fmt.Errorf("measure %s: %w", hookSets[i].name, err)
			}
		}
	}
	return costs, nil
}

func (b *bench) hookRound(hooks []hook, cost *hookCost) (err error) {
	detach, err := b.attach(hooks)
	defer func() { err = errors.Join(err, detach()) }()
	if err != nil {
		return err
	}
	getppid, err := b.job("getppid", 1_000_000, "")
	if err != nil {
		return err
	}
	open, err := b.job("open", 100_000, b.plain)
	if err != nil {
		return err
	}
	cost.getppid, cost.open = least(cost.getppid, getppid), least(cost.open, open)
	return nil
}

// attach puts an empty program on each hook. detach is never nil.
func (b *bench) attach(hooks []hook) (detach func() error, err error) {
	var closers []func() error
	detach = func() error {
		var errs []error
		for _, c := range slices.Backward(closers) {
			errs = append(errs, c())
		}
		return errors.Join(errs...)
	}
	for _, h := range hooks {
		spec := &ebpf.ProgramSpec{Name: "empty", License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}}
		if h.group == "" {
			spec.Type, spec.AttachType, spec.AttachTo = ebpf.Tracing, ebpf.AttachTraceRawTp, h.name
		} else {
			spec.Type = ebpf.TracePoint
		}
		prog, err := ebpf.NewProgram(spec)
		if err != nil {
			return detach, fmt.Errorf("load an empty program for %s: %w", h.name, err)
		}
		closers = append(closers, prog.Close)
		var end func() error
		if h.group == "" {
			end, err = attachTracing(prog)
		} else {
			end, err = b.attachTracepoint(h, prog)
		}
		if err != nil {
			return detach, fmt.Errorf("attach to %s: %w", h.name, err)
		}
		closers = append(closers, end)
	}
	return detach, nil
}

func attachTracing(prog *ebpf.Program) (detach func() error, err error) {
	l, err := link.AttachTracing(link.TracingOptions{Program: prog})
	if err != nil {
		return nil, err
	}
	return l.Close, nil
}

// attachTracepoint finds the tracepoint's number in a tracefs of its own: the library needs one at its usual place, and
// not every machine has it there.
func (b *bench) attachTracepoint(h hook, prog *ebpf.Program) (detach func() error, err error) {
	id, err := b.tracepointID(h)
	if err != nil {
		return nil, err
	}
	attr := &unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: id, Sample: 1, Wakeup: 1}
	attr.Size = uint32(unsafe.Sizeof(*attr))
	// One event is enough: a program runs on every processor, for every process.
	fd, err := unix.PerfEventOpen(attr, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open the perf event: %w", err)
	}
	detach = func() error { return unix.Close(fd) }
	if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_SET_BPF, prog.FD()); err != nil {
		return nil, errors.Join(fmt.Errorf("give the perf event its program: %w", err), detach())
	}
	if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
		return nil, errors.Join(fmt.Errorf("enable the perf event: %w", err), detach())
	}
	return detach, nil
}

func (b *bench) tracepointID(h hook) (id uint64, err error) {
	dir := b.file("tracefs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	if err := unix.Mount("tracefs", dir, "tracefs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return 0, fmt.Errorf("mount tracefs: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Unmount(dir, unix.MNT_DETACH)) }()
	text, err := os.ReadFile(filepath.Join(dir, "events", h.group, h.name, "id"))
	if err != nil {
		return 0, fmt.Errorf("read the tracepoint's number: %w", err)
	}
	return strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
}

// least is the smaller of two times, of which 0 is none yet.
func least(a, b float64) float64 {
	if a == 0 || b < a {
		return b
	}
	return a
}
