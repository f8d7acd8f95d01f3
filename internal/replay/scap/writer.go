package scap

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

// Limits of texts in bytes, in lists: Falco's readers refuse longer ones. A writer cuts them.
const (
	MaxText    = 1023 // a name or a path
	MaxArgs    = 4096 // arguments, an environment, cgroups
	MaxAccount = 256  // a name, a home or a shell
)

const (
	numberMachine     = 0x201
	numberProcesses   = 0x215
	numberDescriptors = 0x218
	numberInterfaces  = 0x219
	numberAccounts    = 0x220
	numberEvent       = 0x216
	numberLargeEvent  = 0x221

	minorVersion = 2
	// maxList is the number of bytes from which on a list goes on in a further block.
	maxList = 1 << 20
)

// Writer writes a capture in today's form: the newest version of each block. The lists stand before the first event, each entry of
// the process list before the descriptors of its thread. After the first error, which Err returns, it does nothing.
type Writer struct {
	out  io.Writer
	err  error
	body buffer
	// block is memory for the block that is written.
	block buffer
}

// NewWriter returns a writer. It writes each block with one call of out.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

// Err is the first error of out.
func (w *Writer) Err() error { return w.err }

// Section begins a capture.
func (w *Writer) Section() {
	w.body = w.body[:0].u32(orderMagic).u16(majorVersion).u16(minorVersion).u64(^uint64(0))
	w.write(sectionType)
}

// Machine tells of the machine.
func (w *Writer) Machine(m *Machine) {
	name := make([]byte, 128)
	copy(name[:127], m.Hostname)
	const flagsAndReserved = 3 * 8
	w.body = append(w.body[:0].u32(m.CPUs).u64(m.Memory).u64(m.MaxPid), name...).u64(m.BootTime)
	w.body = append(w.body, make([]byte, flagsAndReserved)...)
	w.write(numberMachine)
}

// Interfaces tells of the machine's addresses. Speeds are written as 0.
func (w *Writer) Interfaces(list []Interface) {
	w.body = w.body[:0]
	for i := range list {
		address, kind := list[i].Address.AsSlice(), uint16(1)
		speed := 8
		if len(address) == 16 {
			kind = 2
		}
		name := cut(list[i].Name, MaxText-1)
		length := 2 + 2 + 3*len(address) + speed + len(name)
		w.body = w.body.u32(uint32(length)).u16(kind).u16(uint16(len(name)))
		mask := make([]byte, len(address))
		copy(mask, list[i].Mask.AsSlice())
		w.body = append(append(w.body, address...), mask...)
		w.body = append(w.body, make([]byte, len(address)+speed)...)
		w.body = append(w.body, name...)
	}
	w.write(numberInterfaces)
}

// Accounts tells of users and groups.
func (w *Writer) Accounts(users []User, groups []Group) {
	w.body = w.body[:0]
	const isUser, isGroup = 0, 1
	for i := range users {
		u := &users[i]
		w.entry(func(b buffer) buffer {
			b = append(b, isUser).u32(u.UID).u32(u.GID)
			return b.text(u.Name, MaxAccount-1).text(u.Home, MaxAccount-1).text(u.Shell, MaxAccount-1)
		})
		w.split(numberAccounts)
	}
	for i := range groups {
		w.entry(func(b buffer) buffer { return append(b, isGroup).u32(groups[i].GID).text(groups[i].Name, MaxAccount-1) })
		w.split(numberAccounts)
	}
	w.write(numberAccounts)
}

// Processes tells of threads that run when the capture begins.
func (w *Writer) Processes(list []Process) {
	w.body = w.body[:0]
	for i := range list {
		w.entry(list[i].appendTo)
		w.split(numberProcesses)
	}
	w.write(numberProcesses)
}

// appendTo appends an entry of a process list without its length.
func (p *Process) appendTo(b buffer) buffer {
	b = b.i64(p.Tid).i64(p.Pid).i64(p.Ptid).i64(p.Sid).i64(p.Vpgid)
	b = b.text(p.Comm, MaxText).text(p.Exe, MaxText).text(p.ExePath, MaxText).texts(p.Args).text(p.Cwd, MaxText)
	b = b.i64(p.FDLimit).u32(p.Flags).u32(p.UID).u32(p.GID)
	b = b.u32(uint32(p.VMSize)).u32(uint32(p.VMRSS)).u32(uint32(p.VMSwap)).u64(p.MajorFaults).u64(p.MinorFaults)
	b = b.texts(p.Env).i64(p.Vtid).i64(p.Vpid).texts(p.Cgroups).text(p.Root, MaxText)
	b = b.u64(p.PidnsStart).u32(p.TTY).u32(p.LoginUID).flag(p.ExeWritable)
	b = b.u64(p.CapInheritable).u64(p.CapPermitted).u64(p.CapEffective).flag(p.ExeUpper)
	return b.u64(p.ExeIno).u64(p.ExeCtime).u64(p.ExeMtime).flag(p.ExeFromMemfd).flag(p.ExeLower).i64(p.Pgid)
}

// Descriptors tells of the descriptors of a thread.
func (w *Writer) Descriptors(tid int64, list []Descriptor) {
	w.body = w.body[:0].i64(tid)
	for i := range list {
		w.entry(list[i].appendTo)
		if len(w.body) > maxList {
			w.write(numberDescriptors)
			w.body = w.body[:0].i64(tid)
		}
	}
	w.write(numberDescriptors)
}

// appendTo appends an entry of a list of descriptors without its length.
func (d *Descriptor) appendTo(b buffer) buffer {
	b = append(b.i64(d.FD).u64(d.Ino), byte(d.Kind))
	switch d.Kind {
	case DescriptorIPv4, DescriptorIPv6:
		b = append(b, d.Local.Addr().AsSlice()...)
		b = append(b, d.Remote.Addr().AsSlice()...)
		return append(b.u16(d.Local.Port()).u16(d.Remote.Port()), d.L4)
	case DescriptorIPv4Server, DescriptorIPv6Server:
		return append(append(b, d.Local.Addr().AsSlice()...).u16(d.Local.Port()), d.L4)
	case DescriptorUnix:
		return b.u64(d.Source).u64(d.Destination).text(d.Path, MaxText)
	case DescriptorFileV2:
		return b.u32(d.OpenFlags).text(d.Path, MaxText).u32(d.Dev)
	}
	return b.text(d.Path, MaxText)
}

// Event writes an event. The longest of its parameters is cut until the event fits the largest block; an event with flags of a
// plugin's is none that is written.
func (w *Writer) Event(ev *Event) {
	kind := schema.Lookup(ev.Code)
	if w.err != nil {
		return
	}
	if kind == nil || len(ev.Params) > MaxParams {
		w.err = fmt.Errorf("write an event of code %d with %d parameters", ev.Code, len(ev.Params))
		return
	}
	size, number, limit := sizeOfLength(kind), uint32(numberEvent), MaxEvent-1024
	if size == 4 {
		number, limit = numberLargeEvent, MaxLargeEvent-1024
	}
	length := fit(ev.Params, limit-eventHeader2-size*len(ev.Params)) + eventHeader2 + size*len(ev.Params)
	b := w.body[:0].u16(ev.CPU).u64(ev.Time).i64(ev.Tid).u32(uint32(length)).u16(ev.Code).u32(uint32(len(ev.Params)))
	for _, param := range ev.Params {
		if size == 4 {
			b = b.u32(uint32(len(param)))
		} else {
			b = b.u16(uint16(len(param)))
		}
	}
	for _, param := range ev.Params {
		b = append(b, param...)
	}
	w.body = b
	w.write(number)
}

// fit cuts the longest of the parameters until they have at most limit bytes together, and returns how many they have.
func fit(params [][]byte, limit int) int {
	for {
		total, longest := 0, 0
		for i, p := range params {
			total += len(p)
			if len(p) > len(params[longest]) {
				longest = i
			}
		}
		if total <= limit {
			return total
		}
		params[longest] = params[longest][:max(0, len(params[longest])-max(total-limit, 1))]
	}
}

// entry appends an entry of a list behind its length, which counts itself.
func (w *Writer) entry(appendTo func(buffer) buffer) {
	at := len(w.body)
	w.body = appendTo(w.body.u32(0))
	binary.LittleEndian.PutUint32(w.body[at:], uint32(len(w.body)-at))
}

// split writes the list so far if it is long.
func (w *Writer) split(number uint32) {
	if len(w.body) > maxList {
		w.write(number)
		w.body = w.body[:0]
	}
}

// write frames the body as a block.
func (w *Writer) write(number uint32) {
	if w.err != nil {
		return
	}
	for len(w.body)%4 != 0 {
		w.body = append(w.body, 0)
	}
	length := uint32(len(w.body) + blockFrame)
	w.block = append(w.block[:0].u32(number).u32(length), w.body...).u32(length)
	_, w.err = w.out.Write(w.block)
}

// buffer is a part of a capture. Its methods append.
type buffer []byte

func (b buffer) u16(v uint16) buffer { return binary.LittleEndian.AppendUint16(b, v) }
func (b buffer) u32(v uint32) buffer { return binary.LittleEndian.AppendUint32(b, v) }
func (b buffer) u64(v uint64) buffer { return binary.LittleEndian.AppendUint64(b, v) }
func (b buffer) i64(v int64) buffer  { return b.u64(uint64(v)) }

func (b buffer) flag(v bool) buffer {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// text appends a text behind its length.
func (b buffer) text(v string, limit int) buffer {
	v = cut(v, limit)
	return append(b.u16(uint16(len(v))), v...)
}

// texts appends texts that each end with a NUL: as many as there is room for, the last one cut.
func (b buffer) texts(v string) buffer {
	if len(v) > MaxArgs {
		v = strings.TrimRight(v[:MaxArgs-1], "\x00") + "\x00"
	}
	return b.text(v, MaxArgs)
}

func cut(v string, limit int) string { return v[:min(len(v), limit)] }
