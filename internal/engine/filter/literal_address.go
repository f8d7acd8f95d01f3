package filter

import (
	"net/netip"
	"strings"

	"github.com/saker-sensor/saker/internal/field"
)

// parseAddress reads an address as inet_pton(3) does: no zone, no prefix length, and no dotted quad inside of an IPv6
// address.
func parseAddress(src *source, v *Value) (netip.Addr, error) {
	if strings.IndexByte(v.Text, '/') >= 0 {
		if net := networkField(src); net != "" {
			return netip.Addr{}, errorAt(v.Pos, "%q is not an IP address; compare a network with %s", v.Text, net)
		}
		return netip.Addr{}, errorAt(v.Pos, "%q is not an IP address", v.Text)
	}
	addr, ok := plainAddress(v.Text)
	if !ok {
		return netip.Addr{}, errorAt(v.Pos, "%q is not an IP address, such as 10.0.0.1 or fd00::1", v.Text)
	}
	return addr, nil
}

// plainAddress leaves out the forms that netip reads and inet_pton(3) does not.
func plainAddress(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	mixed := strings.IndexByte(text, ':') >= 0 && strings.IndexByte(text, '.') >= 0
	return addr, err == nil && addr.Zone() == "" && !mixed
}

// networkField names the field that compares the same address with networks, empty if there is none: fd.snet for
// fd.sip.
func networkField(src *source) string {
	if src.ref == nil || !strings.HasSuffix(src.ref.Name, "ip") {
		return ""
	}
	return strings.TrimSuffix(src.ref.Name, "ip") + "net"
}

// parseNetwork reads an address and a prefix length, which may have blanks, a plus sign or zeros in front of it. Bits
// behind the prefix do not count.
func parseNetwork(src *source, v *Value) (netip.Prefix, error) {
	text, prefix, ok := strings.Cut(v.Text, "/")
	if !ok {
		return netip.Prefix{}, errorAt(v.Pos, "%q is not a network: %s wants a prefix length, such as 10.0.0.0/8", v.Text, src.text)
	}
	addr, ok := plainAddress(text)
	n, numeric := parseDecimal(prefix)
	if !ok || !numeric {
		return netip.Prefix{}, errorAt(v.Pos, "%q is not a network, such as 10.0.0.0/8 or fd00::/8", v.Text)
	}
	if n.negative || n.tooLarge || n.magnitude > uint64(addr.BitLen()) {
		return netip.Prefix{}, errorAt(v.Pos, "%q is not a network: its prefix length is not among 0 to %d", v.Text, addr.BitLen())
	}
	if n.magnitude == 0 && addr.Is6() {
		return netip.Prefix{}, errorAt(v.Pos, "%q is not a network: write ::/1 and 8000::/1 for all IPv6 addresses", v.Text)
	}
	return netip.PrefixFrom(addr, int(n.magnitude)).Masked(), nil
}

// addressPred tests for membership in a list of addresses, or of networks.
func addressPred(src *source, values []*Value) (pred, error) {
	var set addressIn
	for _, v := range values {
		if src.kind.Group() == field.Network {
			n, err := parseNetwork(src, v)
			if err != nil {
				return nil, err
			}
			set.addNetwork(n)
			continue
		}
		a, err := parseAddress(src, v)
		if err != nil {
			return nil, err
		}
		set.addAddress(a)
	}
	set.finish()
	return &set, nil
}
