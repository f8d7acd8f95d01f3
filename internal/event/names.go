package event

import "math/bits"

// Name tells the names of a file apart.
type Name uint8

const (
	// NameGiven: the path as the caller gave it, made absolute.
	NameGiven Name = iota
	// NameResolved: the path of the file as the process sees it, told by the kernel.
	NameResolved
	// NameSource: the path of the file on the host.
	NameSource
	// NameWatched: a rule's name for the same file, which has several (hard links).
	NameWatched
	// Names is how many there are.
	Names = iota
)

func (n Name) String() string {
	return [Names]string{"given", "resolved", "source", "watched"}[n]
}

// NameSet is a set of names, a bit each.
type NameSet uint8

// First is the first name of a set that is not empty.
func (s NameSet) First() Name { return Name(bits.TrailingZeros8(uint8(s))) }

// NameOf is one of the file's names, empty if it has none of the kind.
func (f *File) NameOf(n Name) string {
	switch n {
	case NameResolved:
		return f.Resolved
	case NameSource:
		return f.Source
	case NameWatched:
		return f.Watched
	default:
		return f.Given
	}
}

// OtherNames are those that the event's file has besides the given one, each text once: rules have to see them too.
func (e *Event) OtherNames() NameSet { return e.File.otherNames() }

func (f *File) otherNames() NameSet {
	var s NameSet
	if f.Resolved != "" && f.Resolved != f.Given {
		s |= 1 << NameResolved
	}
	if f.Source != "" && f.Source != f.Given && f.Source != f.Resolved {
		s |= 1 << NameSource
	}
	if f.Watched != "" && f.Watched != f.Given && f.Watched != f.Resolved && f.Watched != f.Source {
		s |= 1 << NameWatched
	}
	return s
}
