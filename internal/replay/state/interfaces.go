package state

import (
	"bytes"
	"net/netip"

	"github.com/saker-sensor/saker/internal/replay/scap"
)

// interfaces are the addresses of the machine of the capture.
type interfaces struct{ v4, v6 []scap.Interface }

// maxInterfaces bounds each family.
const maxInterfaces = 4096

func (f *interfaces) add(i *scap.Interface) {
	of := &f.v6
	if i.Address.Is4() {
		of = &f.v4
	}
	if len(*of) < maxInterfaces {
		*of = append(*of, *i)
	}
}

// has tells whether an address is the machine's: of IPv6, whether it is in the network of one.
func (f *interfaces) has(a netip.Addr) bool {
	if a.Is4() {
		for i := range f.v4 {
			if f.v4[i].Address == a {
				return true
			}
		}
		return false
	}
	for i := range f.v6 {
		if sameNet6(f.v6[i].Address, a) {
			return true
		}
	}
	return false
}

// sameNet6 compares the first 64 bits.
func sameNet6(a, b netip.Addr) bool {
	x, y := a.As16(), b.As16()
	return bytes.Equal(x[:8], y[:8])
}

// guess is the address by which the machine reaches another: that itself, one in its network, or the first that is no loopback; zero if
// there is none.
func (f *interfaces) guess(a netip.Addr) netip.Addr {
	list, none := f.v6, netip.IPv6Unspecified()
	near := func(i *scap.Interface) bool { return sameNet6(i.Address, a) }
	if a.Is4() {
		list, none = f.v4, netip.IPv4Unspecified()
		near = func(i *scap.Interface) bool { return sameNet4(i, a) }
	}
	for _, is := range []func(*scap.Interface) bool{
		func(i *scap.Interface) bool { return i.Address == a },
		near,
		func(i *scap.Interface) bool {
			return i.Address != netip.AddrFrom4([4]byte{127, 0, 0, 1}) && i.Address != netip.IPv6Loopback()
		},
	} {
		for i := range list {
			if is(&list[i]) {
				return list[i].Address
			}
		}
	}
	return none
}

func sameNet4(i *scap.Interface, a netip.Addr) bool {
	if !i.Mask.Is4() {
		return i.Address == a
	}
	x, y, mask := i.Address.As4(), a.As4(), i.Mask.As4()
	for n := range mask {
		if x[n]&mask[n] != y[n]&mask[n] {
			return false
		}
	}
	return true
}

// complete fills in an end of a connected socket that is not known.
func (f *interfaces) complete(d *descriptor) {
	if d.kind != kindIPv4 && d.kind != kindIPv6 {
		return
	}
	l, i := layoutOf(d.kind), &d.info
	source, destination := i.sourceEnd(l), i.destinationEnd(l)
	known, at := destination, l.source
	if !source.Addr().IsUnspecified() {
		if !destination.Addr().IsUnspecified() {
			return
		}
		known, at = source, l.destination
	}
	guessed := f.guess(known.Addr())
	if guessed == known.Addr() && source.Port() == destination.Port() {
		return
	}
	copy(i[at:at+l.address], guessed.AsSlice())
}
