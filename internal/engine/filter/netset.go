package filter

import (
	"net/netip"
	"slices"
)

// netSet holds networks. A lookup takes one step for each different prefix length, at most 33 for IPv4 and 129 for IPv6, however
// many networks there are.
type netSet struct {
	items []netip.Prefix
	// index is nil up to linearSet networks, which are compared one by one.
	index map[netip.Prefix]struct{}
	// lengths4 and lengths6 are the prefix lengths of the networks of each family, in ascending order.
	lengths4, lengths6 []int
}

// newNetSet takes networks whose bits behind the prefix are 0.
func newNetSet(nets []netip.Prefix) netSet {
	s := netSet{items: make([]netip.Prefix, 0, len(nets))}
	index := make(map[netip.Prefix]struct{}, len(nets))
	var present4, present6 [129]bool
	for _, n := range nets {
		if _, ok := index[n]; ok {
			continue
		}
		index[n] = struct{}{}
		s.items = append(s.items, n)
		if n.Addr().Is4() {
			present4[n.Bits()] = true
		} else {
			present6[n.Bits()] = true
		}
	}
	if len(s.items) <= linearSet {
		return s
	}
	s.index, s.lengths4, s.lengths6 = index, lengthsOf(&present4), lengthsOf(&present6)
	return s
}

func lengthsOf(present *[129]bool) []int {
	var lengths []int
	for n, ok := range present {
		if ok {
			lengths = append(lengths, n)
		}
	}
	return lengths
}

// contains tells whether an address lies in one of the networks.
func (s *netSet) contains(addr netip.Addr) bool {
	if s.index == nil {
		return slices.ContainsFunc(s.items, func(n netip.Prefix) bool { return n.Contains(addr) })
	}
	if addr.Zone() != "" {
		return false
	}
	lengths := s.lengths6
	if addr.Is4() {
		lengths = s.lengths4
	}
	for _, bits := range lengths {
		n, err := addr.Prefix(bits)
		if _, ok := s.index[n]; ok && err == nil {
			return true
		}
	}
	return false
}

// steps is how many steps a lookup takes at most.
func (s *netSet) steps() int {
	if s.index == nil {
		return len(s.items)
	}
	return max(len(s.lengths4), len(s.lengths6))
}
