package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// programLoads are measured by the kernel's own times of the sensor's programs, which other work on the machine hardly changes.
func (b *bench) programLoads() []programLoad {
	dir := filepath.Dir(b.plain)
	link := b.file("link")
	_ = unix.Symlink(dir, link)
	open := func(file string) func(int) (float64, error) {
		return func(ops int) (float64, error) { return b.job("open", ops, file) }
	}
	return []programLoad{
		{"getppid", 500_000, func(ops int) (float64, error) { return b.job("getppid", ops, "") }},
		{"open+close, no rule's file", 100_000, open(b.plain)},
		{"open+close, by a symbolic link", 100_000, open(filepath.Join(link, filepath.Base(b.plain)))},
		{"open+close, a relative path", 100_000, func(ops int) (float64, error) { return b.jobIn(dir, "open", ops, filepath.Base(b.plain)) }},
		{"open+close, a matching file", 20_000, open("/etc/shadow")},
		{"socket+connect+close", 20_000, func(ops int) (float64, error) { return b.job("connect", ops, "") }},
		{"exec of /bin/true", 500, func(ops int) (float64, error) { return b.job("exec", ops, "/bin/true") }},
	}
}

type programLoad struct {
	name string
	ops  int
	run  func(ops int) (float64, error)
}

// programCost is what a load costs with a sensor, per operation.
type programCost struct {
	load, rules, narrow string
	// programs is the time of all the sensor's programs, in ns; of them sysEnter and sysExit.
	programs, sysEnter, sysExit float64
	records                     float64
	// cpu is the sensor's own processor time, in ns.
	cpu float64
}

// statsSwitch turns the kernel's counting on; it costs each program some 20 ns a run.
const statsSwitch = "/proc/sys/kernel/bpf_stats_enabled"

// programs measures the loads with the rules of each set, narrowed and not.
func (b *bench) programs() (costs []programCost, err error) {
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		return nil, fmt.Errorf("turn the statistics of BPF programs on (%s): %w", statsSwitch, err)
	}
	defer func() { err = errors.Join(err, stats.Close()) }()
	sets, err := b.rulesets()
	if err != nil {
		return nil, err
	}
	for _, set := range sets {
		for _, narrow := range []string{"on", "off"} {
			for _, l := range b.programLoads() {
				c, err := b.programRun(set, narrow, l)
				if err != nil {
					return nil, fmt.Errorf("measure the programs, %s, %s: %w", l.name, set.name, err)
				}
				progress("%-34s %-18s narrow %-3s %8.0f ns (sys_enter %.0f, sys_exit %.0f), %.3f records, %.0f ns of the sensor",
					l.name, set.name, narrow, c.programs, c.sysEnter, c.sysExit, c.records, c.cpu)
				costs = append(costs, c)
			}
		}
	}
	return costs, nil
}

func (b *bench) programRun(set ruleset, narrow string, l programLoad) (c programCost, err error) {
	others, err := programTimes()
	if err != nil {
		return c, err
	}
	flags := set.flags
	if narrow == "off" {
		flags = append(flags[:len(flags):len(flags)], "--no-narrow")
	}
	s, err := b.start(nil, append(flags, "-o", "priority=debug")...)
	if err != nil {
		return c, err
	}
	if _, err := l.run(l.ops/10 + 1); err != nil { // verdicts and caches
		return c, errors.Join(err, s.cmd.Process.Kill())
	}
	before, _ := programTimes()
	cpu := s.cpu()
	_, err = l.run(l.ops)
	after, timesErr := programTimes()
	c = programCost{load: l.name, rules: set.name, narrow: narrow, cpu: float64(s.cpu()-cpu) / float64(l.ops)}
	end, stopErr := s.stop()
	if err = errors.Join(err, timesErr, stopErr); err != nil {
		return c, err
	}
	ops := float64(l.ops) + float64(l.ops/100)
	for id, p := range after {
		if _, other := others[id]; other {
			continue
		}
		ns := float64(p.ns-before[id].ns) / ops
		c.programs += ns
		switch {
		case strings.HasPrefix(p.name, "sys_enter"):
			c.sysEnter += ns
		case p.name == "sys_exit":
			c.sysExit = ns
		}
	}
	c.records = float64(end.sent) / (1.1 * ops)
	return c, nil
}

type programTime struct {
	name string
	ns   int64
}

// programTimes are the times of all programs of this kernel so far.
func programTimes() (map[ebpf.ProgramID]programTime, error) {
	times := map[ebpf.ProgramID]programTime{}
	for id := ebpf.ProgramID(0); ; {
		next, err := ebpf.ProgramGetNextID(id)
		if errors.Is(err, unix.ENOENT) {
			return times, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list the BPF programs: %w", err)
		}
		id = next
		p, err := ebpf.NewProgramFromID(id)
		if errors.Is(err, unix.ENOENT) {
			continue // unloaded meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("open a BPF program: %w", err)
		}
		info, err := p.Info()
		stats, statsErr := p.Stats()
		if err = errors.Join(err, statsErr, p.Close()); err != nil {
			return nil, fmt.Errorf("read a BPF program's times: %w", err)
		}
		times[id] = programTime{info.Name, int64(stats.Runtime)}
	}
}
