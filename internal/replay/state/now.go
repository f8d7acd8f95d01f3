package state

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unsafe"

	"github.com/saker-sensor/saker/internal/replay/scap"
)

// now is the event that is applied.
type now struct {
	ev   *scap.Event
	info *codeInfo
	// thread is the one that made it, nil if none is known. fd is the descriptor that it is about, nil if it is about none or that is
	// not known; name the name that it had before.
	thread *thread
	fd     *descriptor
	name   string
	// entered: the begin of the same call came before it.
	entered bool
}

func (n *now) setFD(d *descriptor) {
	n.fd = d
	if d != nil {
		n.name = d.name
	}
}

// setKind makes the event's descriptor one of another kind.
func (n *now) setKind(k scap.DescriptorKind) {
	n.fd.kind = k
	if t := n.thread.table(); t != nil {
		t.changed = true
	}
}

// raw are the bytes of a parameter, nil if the event has none.
func (n *now) raw(i int) []byte {
	if i >= len(n.ev.Params) {
		return nil
	}
	return n.ev.Params[i]
}

// has tells whether the event has a value for a parameter.
func (n *now) has(i int) bool { return len(n.raw(i)) > 0 }

// int is a signed number, uint an unsigned one, 0 without one.
func (n *now) int(i int) int64 { return signed(n.raw(i)) }

func (n *now) uint(i int) uint64 { return unsigned(n.raw(i)) }

func (n *now) u32(i int) uint32 { return uint32(n.uint(i)) }

// str is a text of its own memory.
func (n *now) str(i int) string { return strings.Clone(text(n.raw(i))) }

// view is a text that aliases the event.
func (n *now) view(i int) string { return text(n.raw(i)) }

// list are the texts of a parameter that each end with a NUL, of their own memory.
func (n *now) list(i int) []string { return split(n.raw(i)) }

// result is the call's return value.
func (n *now) result() int64 {
	switch len(n.raw(0)) {
	case 4, 8:
		return n.int(0)
	}
	return 0
}

func signed(b []byte) int64 {
	switch len(b) {
	case 1:
		return int64(int8(b[0]))
	case 2:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	}
	return int64(unsigned(b))
}

func unsigned(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	case 8:
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// none is what stands for a text that is not there.
const none = "<NA>"

// text is a text up to its NUL; it aliases the parameter. An empty one, and what old captures have for a missing one, is none.
func text(b []byte) string {
	if len(b) == 0 || string(b) == "(NULL)\x00" {
		return none
	}
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return view(b)
}

func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// split are the texts between the NULs; one at the end ends the last.
func split(b []byte) []string {
	if len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	if len(b) == 0 {
		return nil
	}
	all := string(b)
	list := make([]string, 0, bytes.Count(b, []byte{0})+1)
	for start, i := 0, 0; i <= len(all); i++ {
		if i == len(all) || all[i] == 0 {
			list = append(list, all[start:i])
			start = i + 1
		}
	}
	return list
}
