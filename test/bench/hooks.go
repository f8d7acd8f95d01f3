package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
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
	detach, err := attach(hooks)
	defer func() { err = errors.Join(err, detach()) }()
	if err != nil {
		return err
	}
	getppid, err := b.job("getppid", 1_000_000, "")
	if err != nil {
		return err
	}
	open, err := b.job("open", 100_000, b.file("plain"))
	if err != nil {
		return err
	}
	cost.getppid, cost.open = least(cost.getppid, getppid), least(cost.open, open)
	return nil
}

// attach puts an empty program on each hook. detach is never nil.
func attach(hooks []hook) (detach func() error, err error) {
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
		var l link.Link
		if h.group == "" {
			l, err = link.AttachTracing(link.TracingOptions{Program: prog})
		} else {
			l, err = link.Tracepoint(h.group, h.name, prog, nil)
		}
		if err != nil {
			return detach, fmt.Errorf("attach to %s: %w", h.name, err)
		}
		closers = append(closers, l.Close)
	}
	return detach, nil
}

// least is the smaller of two times, of which 0 is none yet.
func least(a, b float64) float64 {
	if a == 0 || b < a {
		return b
	}
	return a
}
