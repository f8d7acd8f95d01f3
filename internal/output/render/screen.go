package render

import "slices"

// screen finds out in one pass which literals a text holds, in upper or lower case (Aho and Corasick's automaton). It is
// what keeps regular expressions away from texts that they can't match.
type screen struct {
	// class numbers the bytes that literals are made of; all others are 0.
	class   [256]uint8
	classes int
	// next is the state after a byte, found the sets that are met in a state.
	next  []uint16
	found []uint64
}

// newScreen makes a screen for up to 64 sets of lower-case literals.
func newScreen(sets [][]string) *screen {
	s := &screen{classes: 1}
	for _, literal := range slices.Concat(sets...) {
		for i := range len(literal) {
			s.addByte(literal[i])
		}
	}
	s.addState()
	for set, literals := range sets {
		for _, literal := range literals {
			s.addLiteral(literal, 1<<set)
		}
	}
	s.link()
	return s
}

func (s *screen) addByte(c byte) {
	if s.class[c] != 0 {
		return
	}
	s.class[c] = uint8(s.classes)
	if c >= 'a' && c <= 'z' {
		s.class[c-'a'+'A'] = uint8(s.classes)
	}
	s.classes++
}

func (s *screen) addState() uint16 {
	s.next = append(s.next, make([]uint16, s.classes)...)
	s.found = append(s.found, 0)
	return uint16(len(s.found) - 1)
}

func (s *screen) addLiteral(literal string, set uint64) {
	at := uint16(0)
	for i := range len(literal) {
		edge := int(at)*s.classes + int(s.class[literal[i]])
		if s.next[edge] == 0 {
			to := s.addState()
			s.next[edge] = to
		}
		at = s.next[edge]
	}
	s.found[at] |= set
}

// link gives each state an edge for every byte: where its literal does not go on, that of the longest end which begins
// another one.
func (s *screen) link() {
	shorter := make([]uint16, len(s.found))
	var queue []uint16
	for c := range s.classes {
		if to := s.next[c]; to != 0 {
			queue = append(queue, to)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		s.found[at] |= s.found[shorter[at]]
		for c := range s.classes {
			edge, instead := int(at)*s.classes+c, s.next[int(shorter[at])*s.classes+c]
			if to := s.next[edge]; to != 0 {
				shorter[to] = instead
				queue = append(queue, to)
			} else {
				s.next[edge] = instead
			}
		}
	}
}

// sets are those of which the text holds a literal, a bit for each.
func (s *screen) sets(text string) uint64 {
	var found uint64
	at := 0
	for i := range len(text) {
		at = int(s.next[at*s.classes+int(s.class[text[i]])])
		found |= s.found[at]
	}
	return found
}
