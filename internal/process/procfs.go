package process

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
)

// clockTick is the unit of the times in /proc/PID/stat, in ns: USER_HZ is 100 on every architecture that Go runs on.
const clockTick = 10_000_000

// readUserMemory reads the arguments and the environment of a process that was there before the sensor.
func (t *Table) readUserMemory(p *event.Process) {
	if p.KernelThread {
		p.Cmdline = p.Comm
		return
	}
	dir := filepath.Join(t.settings.Proc, strconv.Itoa(int(p.Key.Tgid)))
	args := readSome(filepath.Join(dir, "cmdline"), event.MaxArgs)
	env := readSome(filepath.Join(dir, "environ"), event.MaxEnv)
	var b block
	b.grow(len(args) + len(env) + len(p.Comm) + 1)
	setArgs(p, &b, args)
	p.ArgsLen = uint32(len(args))
	p.Env = splitNul(b.copy(env))
}

// readProc reads a process from /proc. The pid may be another process's by now: then it is an error.
func readProc(proc string, key event.Key) (*event.Process, error) {
	dir := filepath.Join(proc, strconv.Itoa(int(key.Tgid)))
	p := &event.Process{Key: key, LoginUID: unsetUID}
	start, err := readStat(dir, p)
	if err != nil {
		return nil, err
	}
	// stat counts in ticks, the kernel's record in ns.
	if key.Start != 0 && start != key.Start/clockTick {
		return nil, fmt.Errorf("read process %d: it is another one by now", key.Tgid)
	}
	if key.Start == 0 {
		p.Key.Start = start * clockTick
	}
	readStatus(dir, p)
	p.ExePath, _ = os.Readlink(filepath.Join(dir, "exe"))
	p.ExePath = strings.TrimSuffix(p.ExePath, " (deleted)")
	cwd, _ := os.Readlink(filepath.Join(dir, "cwd"))
	if n, err := strconv.ParseUint(strings.TrimSpace(readSome(filepath.Join(dir, "loginuid"), 16)), 10, 32); err == nil {
		p.LoginUID = uint32(n)
	}
	args, env := readSome(filepath.Join(dir, "cmdline"), event.MaxArgs), readSome(filepath.Join(dir, "environ"), event.MaxEnv)
	var b block
	p.Cwd = b.directory(cwd)
	setArgs(p, &b, args)
	p.ArgsLen = uint32(len(args))
	p.Env = splitNul(env)
	return p, nil
}

// readStat parses /proc/PID/stat (proc_pid_stat(5)); it returns the start time in ticks since boot.
func readStat(dir string, p *event.Process) (uint64, error) {
	text := readSome(filepath.Join(dir, "stat"), 4096)
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return 0, fmt.Errorf("read process %s: it is gone", filepath.Base(dir))
	}
	p.Comm = text[open+1 : end]
	f := strings.Fields(text[end+1:])
	// Behind the name: state ppid pgrp session tty_nr tpgid flags …; start time is the 22nd field of all.
	if len(f) < 20 {
		return 0, fmt.Errorf("read process %s: its stat line is short", filepath.Base(dir))
	}
	number := func(i int) int64 { n, _ := strconv.ParseInt(f[i], 10, 64); return n }
	p.Ppid, p.Pgid, p.Sid, p.TTY = int32(number(1)), int32(number(2)), int32(number(3)), uint32(number(4))
	p.Vpid, p.Vpgid = p.Key.Tgid, p.Pgid
	const kernelThread = 0x00200000 // PF_KTHREAD, linux/sched.h
	p.KernelThread = number(6)&kernelThread != 0
	return uint64(number(19)), nil
}

// readStatus parses the lines of /proc/PID/status that stat lacks.
func readStatus(dir string, p *event.Process) {
	for _, line := range strings.Split(readSome(filepath.Join(dir, "status"), 16384), "\n") {
		key, value, _ := strings.Cut(line, ":")
		f := strings.Fields(value)
		if len(f) == 0 {
			continue
		}
		hex := func() uint64 { n, _ := strconv.ParseUint(f[0], 16, 64); return n }
		num := func(i int) uint32 { n, _ := strconv.ParseUint(f[min(i, len(f)-1)], 10, 32); return uint32(n) }
		switch key {
		case "Uid":
			p.UID, p.EUID = num(0), num(1)
		case "Gid":
			p.GID, p.EGID = num(0), num(1)
		case "NStgid":
			p.Vpid = int32(num(len(f) - 1))
		case "NSpgid":
			p.Vpgid = int32(num(len(f) - 1))
		case "CapInh":
			p.CapInheritable = hex()
		case "CapPrm":
			p.CapPermitted = hex()
		case "CapEff":
			p.CapEffective = hex()
		}
	}
}

// readSome reads up to n bytes of a file; what can't be read is empty.
func readSome(path string, n int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(f, n)); err != nil {
		return ""
	}
	return b.String()
}

// SeedFromProc enters the processes that run now, without the kernel's help: for kernels that have no task iterator.
// The exec ids stay unknown (0), so the first record of a process raises a repair.
func (t *Table) SeedFromProc() error {
	dirs, err := os.ReadDir(t.settings.Proc)
	if err != nil {
		return fmt.Errorf("list the processes: %w", err)
	}
	for _, d := range dirs {
		pid, err := strconv.ParseInt(d.Name(), 10, 32)
		if err != nil {
			continue
		}
		p, err := readProc(t.settings.Proc, event.Key{Tgid: int32(pid)})
		if err != nil {
			continue // it ended meanwhile
		}
		t.put(p)
	}
	t.Link()
	return nil
}
