package narrow

import (
	"fmt"
	"testing"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// find looks a device up as bpf/helpers/narrow/file.h does: any, if its files may have any name.
func find(table []event.MountPoint, dev uint32) (hash uint64, any bool) {
	first := uint32(hashWord(hashStart, uint64(dev)) >> 32)
	for i := range uint32(bpfgen.SensorSizesMOUNT_PROBES) {
		m := table[(first+i)%uint32(len(table))]
		switch {
		case m.Full:
			return 0, true
		case !m.Used:
			return 0, false
		case m.Dev == dev:
			return m.Hash, m.Hash == 0
		}
	}
	return 0, false
}

// However many devices there are, each is found where it is mounted, or is known not to be known.
func TestMountPoints(t *testing.T) {
	for _, n := range []int{10, 1000, 20_000} {
		var mounts []Mount
		for i := range n {
			mounts = append(mounts, Mount{Dev: uint32(i%3)<<20 | uint32(i), Point: fmt.Sprintf("/mnt/%d", i), Whole: i%10 != 0})
		}
		table, found := MountPoints(mounts), 0
		for _, m := range mounts {
			hash, any := find(table, m.Dev)
			switch {
			case m.Whole && !any && hash != hashName(m.Point):
				t.Errorf("%d devices: %+v has the point %x", n, m, hash)
			case !m.Whole && !any:
				t.Errorf("%d devices: a part of %+v is mounted, and it counts as not mounted", n, m)
			case !any:
				found++
			}
		}
		if want := n * 8 / 10; n <= 1000 && found < want {
			t.Errorf("%d of %d devices are found, want at least %d", found, n, want)
		}
	}
}
