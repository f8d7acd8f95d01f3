package scap

import "strings"

// oldTail is the number of bytes of the fields behind the root that recorders before libs 0.10 wrote: the login uid, whether the program
// can be written, three sets of capabilities. Later ones put the start of the pid namespace and the terminal before them.
const oldTail = 4 + 1 + 3*8

// read reads an entry of a process list of a version, 1 to 9.
func (p *Process) read(block *body, version uint8) {
	entry := block.sub(version >= 9)
	*p = Process{
		Tid: entry.i64(), Pid: entry.i64(), Ptid: entry.i64(),
		Sid: -1, Vpgid: -1, Vtid: -1, Vpid: -1, Pgid: -1, LoginUID: 1<<32 - 1,
	}
	if version >= 6 {
		p.Sid = entry.i64()
	}
	if version >= 8 {
		p.Vpgid = entry.i64()
	}
	p.Comm, p.Exe = entry.text(), entry.text()
	if version >= 7 {
		p.ExePath = entry.text()
	}
	p.Args, p.Cwd = terminated(entry.text()), entry.text()
	p.FDLimit, p.Flags, p.UID, p.GID = entry.i64(), entry.u32(), entry.u32(), entry.u32()
	if version >= 2 {
		p.VMSize, p.VMRSS, p.VMSwap = uint64(entry.u32()), uint64(entry.u32()), uint64(entry.u32())
		p.MajorFaults, p.MinorFaults = entry.u64(), entry.u64()
	}
	if version >= 3 {
		p.Env = terminated(entry.text())
	}
	if version >= 4 {
		p.Vtid, p.Vpid, p.Cgroups = entry.i64(), entry.i64(), terminated(entry.text())
	}
	if version >= 5 {
		p.Root = entry.text()
	}
	if version >= 9 {
		p.readTail(&entry)
	}
	block.err = entry.err
}

// readTail reads the fields that were added one by one: those are there for which the entry has bytes. It passes over what is behind.
func (p *Process) readTail(entry *body) {
	has := func(bytes int64) bool { return entry.err == nil && entry.left() >= bytes }
	if entry.left() > oldTail {
		if has(8) {
			p.PidnsStart = entry.u64()
		}
		if has(4) {
			p.TTY = entry.u32()
		}
	}
	if has(4) {
		p.LoginUID = entry.u32()
	}
	if has(1) {
		p.ExeWritable = entry.u8() != 0
	}
	for _, set := range []*uint64{&p.CapInheritable, &p.CapPermitted, &p.CapEffective} {
		if has(8) {
			*set = entry.u64()
		}
	}
	if has(1) {
		p.ExeUpper = entry.u8() != 0
	}
	for _, number := range []*uint64{&p.ExeIno, &p.ExeCtime, &p.ExeMtime} {
		if has(8) {
			*number = entry.u64()
		}
	}
	for _, flag := range []*bool{&p.ExeFromMemfd, &p.ExeLower} {
		if has(1) {
			*flag = entry.u8() != 0
		}
	}
	if has(8) {
		p.Pgid = entry.i64()
	}
	entry.finish()
}

// terminated returns a text of parts that end with NUL each. Some recorders left out the last one.
func terminated(text string) string {
	if text == "" || strings.HasSuffix(text, "\x00") {
		return text
	}
	return text + "\x00"
}
