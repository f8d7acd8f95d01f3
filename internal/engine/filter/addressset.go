package filter

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
)

// addressSet holds addresses and networks as spans of addresses. A lookup is a binary search, whatever the number of networks and of
// their prefix lengths. An address with a zone is in no set.
type addressSet struct {
	v4 []span[uint32]
	v6 []span[netip.Addr]
}

// span is a series of addresses with both its ends. The spans of a finished set are sorted and do not overlap.
type span[T any] struct{ first, last T }

func (s *addressSet) addAddress(a netip.Addr) {
	if a.Is4() {
		n := number4(a)
		s.v4 = append(s.v4, span[uint32]{n, n})
		return
	}
	s.v6 = append(s.v6, span[netip.Addr]{a, a})
}

// addNetwork adds a network whose bits behind the prefix are 0.
func (s *addressSet) addNetwork(n netip.Prefix) {
	if a := n.Addr(); a.Is4() {
		first := number4(a)
		s.v4 = append(s.v4, span[uint32]{first, first | uint32(1<<(32-n.Bits())-1)})
		return
	}
	last := n.Addr().As16()
	for i := n.Bits(); i < 128; i++ {
		last[i/8] |= 0x80 >> (i % 8)
	}
	s.v6 = append(s.v6, span[netip.Addr]{n.Addr(), netip.AddrFrom16(last)})
}

// join adds what is in another set.
func (s *addressSet) join(other *addressSet) {
	s.v4 = append(s.v4, other.v4...)
	s.v6 = append(s.v6, other.v6...)
}

// finish makes lookups possible, after the last value was added.
func (s *addressSet) finish() {
	s.v4 = mergeSpans(s.v4, cmp.Compare[uint32])
	s.v6 = mergeSpans(s.v6, netip.Addr.Compare)
}

func (s *addressSet) has(a netip.Addr) bool {
	if a.Is4() {
		return inSpans(s.v4, number4(a), cmp.Compare[uint32])
	}
	return a.Zone() == "" && inSpans(s.v6, a, netip.Addr.Compare)
}

func (s *addressSet) size() int { return len(s.v4) + len(s.v6) }

// steps is how many comparisons a lookup takes at most.
func (s *addressSet) steps() int { return bits.Len(uint(max(len(s.v4), len(s.v6)))) }

func number4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func mergeSpans[T any](spans []span[T], compare func(a, b T) int) []span[T] {
	slices.SortFunc(spans, func(a, b span[T]) int { return compare(a.first, b.first) })
	merged := spans[:0]
	for _, s := range spans {
		n := len(merged)
		switch {
		case n == 0 || compare(merged[n-1].last, s.first) < 0:
			merged = append(merged, s)
		case compare(merged[n-1].last, s.last) < 0:
			merged[n-1].last = s.last
		}
	}
	return merged
}

func inSpans[T any](spans []span[T], v T, compare func(a, b T) int) bool {
	// The span that begins behind it, and the one before.
	lo, hi := 0, len(spans)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); compare(spans[mid].first, v) <= 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo > 0 && compare(v, spans[lo-1].last) <= 0
}
