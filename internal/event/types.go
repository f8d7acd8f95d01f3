package event

import "slices"

// Type is the kind of an event: the name of a system call, or of one of Falco's other events. Zero is unknown.
type Type uint16

// The types that code names have constants; typeNames knows all names that rules may use.
const (
	TypeUnknown Type = iota
	TypeOpen
	TypeOpenat
	TypeOpenat2
	TypeCreat
	TypeOpenByHandleAt
	TypeExecve
	TypeExecveat
	TypeProcexit
	TypeIoUringSetup
	TypeSignalDeliver
)

// MaxTypes bounds every type's number; a [TypeSet] holds as many bits.
const MaxTypes = 512

// Captured tells whether the sensor produces events of this type: of every system call that amd64, arm64 or their 32-bit callers
// have, of the end of a process, and of a signal that is delivered. Rules may name the others, too.
func (t Type) Captured() bool {
	if t == TypeUnknown || int(t) >= len(typeNames) {
		return false
	}
	_, never := slices.BinarySearch(neverNames[:], typeNames[t])
	return !never
}

// IsSyscall tells whether a type is a system call, and not another event of the kernel's.
func (t Type) IsSyscall() bool { return t != TypeProcexit && t != TypeSignalDeliver }

// IsOpen tells whether a type is a system call that opens a file.
func IsOpen(t Type) bool {
	switch t {
	case TypeOpen, TypeOpenat, TypeOpenat2, TypeCreat, TypeOpenByHandleAt:
		return true
	}
	return false
}

func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return ""
}

// AllTypes returns every known type, in the order of their numbers.
func AllTypes() []Type {
	ts := make([]Type, 0, len(typeNames)-1)
	for i := 1; i < len(typeNames); i++ {
		ts = append(ts, Type(i))
	}
	return ts
}

// TypeByName finds a type; the name is a system call's or an event's, in lower case.
func TypeByName(name string) (Type, bool) {
	for i, n := range typeNames[1:] {
		if n == name {
			return Type(i + 1), true
		}
	}
	return TypeUnknown, false
}

// TypeSet is a set of event types.
type TypeSet [MaxTypes / 64]uint64

// FullSet holds every known type.
func FullSet() TypeSet {
	var s TypeSet
	for _, t := range AllTypes() {
		s.Add(t)
	}
	return s
}

// Add puts a type into the set.
func (s *TypeSet) Add(t Type) { s[t/64] |= 1 << (t % 64) }

// Has tells whether the set holds a type.
func (s *TypeSet) Has(t Type) bool { return t < MaxTypes && s[t/64]&(1<<(t%64)) != 0 }

// Union adds all types of another set.
func (s *TypeSet) Union(o *TypeSet) {
	for i := range s {
		s[i] |= o[i]
	}
}

// Types lists the set in the order of the numbers.
func (s *TypeSet) Types() []Type {
	var ts []Type
	for _, t := range AllTypes() {
		if s.Has(t) {
			ts = append(ts, t)
		}
	}
	return ts
}
