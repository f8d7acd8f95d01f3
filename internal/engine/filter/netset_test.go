package filter

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/saker-sensor/saker/internal/field"
)

// TestNetSet: an index by prefix length says what a search of all networks says, for both families and any number of networks.
func TestNetSet(t *testing.T) {
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
		s := newNetSet(nets)
		addrs := []netip.Addr{{}, netip.MustParseAddr("::1%eth0")}
		for range 100 {
			addrs = append(addrs, address())
		}
		for _, a := range addrs {
			want := false
			for _, n := range nets {
				want = want || n.Contains(a)
			}
			if got := s.contains(a); got != want {
				t.Fatalf("seed %d: %v in %v: %v, want %v", seed, a, nets, got, want)
			}
		}
	}
}

// BenchmarkNetworks compares an address that lies in none with 200,000 networks of 25 prefix lengths.
func BenchmarkNetworks(b *testing.B) {
	var nets []netip.Prefix
	for i := range 200_000 {
		n, err := netip.AddrFrom4([4]byte{byte(11 + i>>16), byte(i >> 8), byte(i), byte(i)}).Prefix(8 + i%25)
		if err != nil {
			b.Fatal(err)
		}
		nets = append(nets, n)
	}
	p := &addressIn{nets: newNetSet(nets)}
	v := &field.Value{Addr: netip.MustParseAddr("192.0.2.1")}
	b.Run(fmt.Sprint(len(nets)), func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if p.test(v, nil) {
				b.Fatal("it lies in one")
			}
		}
	})
}
