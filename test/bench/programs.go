package main

import (
	"errors"
	"fmt"
	"path/filepath"

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
	load, rules string
	// all: with --no-narrow.
	all bool
	// programs is the time of all the sensor's programs, in ns; of them sysEnter and sysExit.
	programs, sysEnter, sysExit float64
	records                     float64
	// cpu is the sensor's own processor time, in ns.
	cpu float64
}

// statsSwitch turns the kernel's counting on; it costs each program some 20 ns a run.
const statsSwitch = "/proc/sys/kernel/bpf_stats_enabled"

// programs measures the loads with the rules of each set, narrowed and not by turns, and keeps the least of the rounds.
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
	rounds := 3
	if b.quick {
		rounds = 1
	}
	for _, set := range sets {
		for _, l := range b.programLoads() {
			on, off := programCost{load: l.name, rules: set.name}, programCost{load: l.name, rules: set.name, all: true}
			for range rounds {
				for _, least := range []*programCost{&on, &off} {
					c, err := b.programRun(set, least.all, l)
					if err != nil {
						return nil, fmt.Errorf("measure the programs, %s, %s: %w", l.name, set.name, err)
					}
					if least.programs == 0 || c.programs < least.programs {
						*least = c
					}
				}
			}
			progress("%s, %s: %.0f ns of programs, %.0f with --no-narrow", l.name, set.name, on.programs, off.programs)
			costs = append(costs, on, off)
		}
	}
	return costs, nil
}

// programTable compares what the kernel leaves out with --no-narrow.
func programTable(m machine, costs []programCost) string {
	var rows [][]string
	for i := 0; i+1 < len(costs); i += 2 {
		on, off := costs[i], costs[i+1]
		rows = append(rows, []string{
			on.rules, on.load, duration(on.programs), duration(on.sysEnter), duration(on.sysExit), count(on.records), duration(on.cpu),
			duration(off.programs), count(off.records), duration(off.cpu),
		})
	}
	return m.String() + "\n\n" + table(true, []string{
		"rules", "an operation", "programs", "sys_enter", "sys_exit", "records", "the sensor's CPU",
		"programs, `--no-narrow`", "records", "the sensor's CPU",
	}, rows)
}

func (b *bench) programRun(set ruleset, all bool, l programLoad) (c programCost, err error) {
	others, err := programTimes()
	if err != nil {
		return c, err
	}
	flags := set.flags
	if all {
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
	c = programCost{load: l.name, rules: set.name, all: all, cpu: float64(s.cpu()-cpu) / float64(l.ops)}
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
		case p.name == "sys_enter" || p.name == "enter_call":
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
