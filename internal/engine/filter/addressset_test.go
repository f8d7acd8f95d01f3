package filter

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/saker-sensor/saker/internal/field"
)

// TestAddressSet: a set says what a search of all its addresses and networks says, for both families and any number of them.
func TestAddressSet(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		address := func() netip.Addr {
			// Few different bits, so that addresses and networks meet.
			var b [16]byte
			b[0], b[1], b[3], b[15] = byte(r.IntN(2))<<7, byte(r.IntN(4)), byte(r.IntN(3)), byte(r.IntN(3))
			switch r.IntN(3) {
			case 0:
				return netip.AddrFrom4([4]byte(b[:4]))
			case 1:
				return netip.AddrFrom16([16]byte{10: 0xff, 11: 0xff, 12: b[0], 13: b[1], 15: b[15]}) // IPv4-mapped
			}
			return netip.AddrFrom16(b)
		}
		var nets []netip.Prefix
		for range r.IntN(20) {
			a := address()
			n, err := a.Prefix(r.IntN(a.BitLen() + 1))
			if err != nil {
				t.Fatal(err)
			}
			nets = append(nets, n)
		}
		var s, half addressSet
		for i, n := range nets {
			if i%2 == 0 {
				half.addNetwork(n)
			} else {
				s.addNetwork(n)
			}
		}
		for range r.IntN(8) {
			a := address()
			s.addAddress(a)
			nets = append(nets, netip.PrefixFrom(a, a.BitLen()))
		}
		half.finish()
		s.join(&half)
		s.finish()
		addrs := []netip.Addr{{}, netip.MustParseAddr("::1%eth0")}
		for range 100 {
			addrs = append(addrs, address())
		}
		for _, a := range addrs {
			want := false
			for _, n := range nets {
				want = want || n.Contains(a)
			}
			if got := s.has(a); got != want {
				t.Fatalf("seed %d: %v in %v: %v, want %v", seed, a, nets, got, want)
			}
		}
	}
}

// BenchmarkNetworks compares an address that lies in none with 200,000 networks of 25 prefix lengths.
func BenchmarkNetworks(b *testing.B) {
	p := &addressIn{}
	for i := range 200_000 {
		n, err := netip.AddrFrom4([4]byte{byte(11 + i>>16), byte(i >> 8), byte(i), byte(i)}).Prefix(8 + i%25)
		if err != nil {
			b.Fatal(err)
		}
		p.addNetwork(n)
	}
	p.finish()
	v := &field.Value{Addr: netip.MustParseAddr("192.0.2.1")}
	b.Run("200000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if p.test(v, nil) {
				b.Fatal("it lies in one")
			}
		}
	})
}
