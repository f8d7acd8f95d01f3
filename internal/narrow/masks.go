package narrow

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// NewMasks makes the masks of rules. bits are the rules' own, in their order; 0 for a rule about events alone that are always recorded.
func NewMasks(rules []Rule) (masks *event.Masks, bits []uint64) {
	m := &masker{rules: rules, bits: make([]uint64, len(rules))}
	n := 0
	for i := range rules {
		if rules[i].narrowed() {
			m.bits[i] = 1 << (n % 64)
			n++
		}
	}
	m.masks = event.Masks{
		Opens: map[event.Type]event.OpenMasks{}, Calls: map[event.Type][2]uint64{},
		Names: make([]event.NameMask, bpfgen.SensorSizesNAME_MASKS_MAX),
	}
	for _, t := range event.AllTypes() {
		switch {
		case !t.Captured():
		case event.IsOpen(t):
			m.masks.Opens[t] = m.opens(t)
		default:
			m.masks.Calls[t] = m.calls(t)
		}
	}
	m.names()
	return &m.masks, m.bits
}

type masker struct {
	rules []Rule
	bits  []uint64
	masks event.Masks
}

// Narrowed tells whether events of a type are recorded only where a rule may match them.
func Narrowed(t event.Type) bool {
	switch t {
	case event.TypeExecve, event.TypeExecveat, event.TypeProcexit, event.TypeIoUringSetup:
		return false
	}
	return t.Captured()
}

// narrowed tells whether a rule is about such events.
func (r *Rule) narrowed() bool { return slices.ContainsFunc(r.Types.Types(), Narrowed) }

// may are the bits of the rules that may match an event like this one.
func (m *masker) may(t event.Type, like *event.Event, known Known) (mask uint64) {
	for i := range m.rules {
		r := &m.rules[i]
		if mask&m.bits[i] != m.bits[i] && r.Types.Has(t) && (r.May == nil || r.May(like, known)) {
			mask |= m.bits[i]
		}
	}
	return mask
}

func (m *masker) opens(t event.Type) (masks event.OpenMasks) {
	for access := range uint32(4) {
		for _, o := range event.Outcomes() {
			like := example(t, access, o)
			masks[access][o] = m.may(t, &like, knownOf(o))
		}
	}
	return masks
}

func (m *masker) calls(t event.Type) (masks [2]uint64) {
	for i, ret := range [2]int64{-int64(unix.ENOENT), 0} {
		like := event.Event{Num: 1, Type: t, Ret: ret, DirFD: event.AtFDCWD, FD: -1, Process: &event.Process{}}
		masks[i] = m.may(t, &like, knownOfCall(ret < 0))
	}
	return masks
}

// knownOfCall says what every call that failed, or that did not, has in common with its example. Calls that return an address may have
// a result that is less than 0 and no error.
func knownOfCall(failed bool) Known {
	return func(field, op, value string) bool {
		switch field {
		case "evt.type", "syscall.type", "evt.failed":
			return true
		case "evt.num":
			return value == "0"
		case "evt.res":
			return !failed || value == "SUCCESS"
		case "evt.rawres":
			return sign(op, value)
		}
		return false
	}
}

// names fills the table of names. A part that one type of open needs counts for all of them.
func (m *masker) names() {
	m.masks.AnyName = map[event.Type]uint64{}
	for _, t := range event.AllTypes() {
		if !event.IsOpen(t) {
			continue
		}
		any := uint64(0)
		for i := range m.rules {
			if names, ok := m.rules[i].Names[t]; !ok || names.Any || !m.addNames(names.Parts, m.bits[i]) {
				any |= m.bits[i]
			}
		}
		m.masks.AnyName[t] = any
	}
}

// addNames tells whether there is room for all parts.
func (m *masker) addNames(parts []NamePart, bit uint64) bool {
	if bit == 0 {
		return true
	}
	for _, p := range parts {
		m.masks.NameParts |= 1 << p.Kind
		if !m.addName(hashPart(p.Kind, p.Text), bit) {
			return false
		}
	}
	return true
}

// addName puts a part into one of the slots where the kernel looks for it.
func (m *masker) addName(hash, bit uint64) bool {
	table := m.masks.Names
	slot := uint32(hash ^ hash>>32)
	for i := range uint32(bpfgen.SensorSizesNAME_PROBES) {
		e := &table[(slot+i)%uint32(len(table))]
		if e.Mask == 0 || e.Hash == hash {
			e.Hash = hash
			e.Mask |= bit
			return true
		}
	}
	return false
}

// Names are names of files: those that have one of the parts, or any.
type Names struct {
	Any   bool
	Parts []NamePart
}

// NamePart is a part of a file's name.
type NamePart struct {
	Kind bpfgen.SensorNamePart
	Text string
}
