package narrow

import (
	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// Mount is where the host has a file system first.
type Mount struct {
	// Dev is major << 20 | minor.
	Dev uint32
	// Point is the mount point's name; Whole: all of the file system is there.
	Point string
	Whole bool
}

// MountPoints are the slots of the table by which the kernel knows what a file is called on the host.
func MountPoints(mounts []Mount) []event.MountPoint {
	table := make([]event.MountPoint, bpfgen.SensorSizesMOUNT_POINTS)
	for _, m := range mounts {
		first := uint32(hashWord(hashStart, uint64(m.Dev)) >> 32)
		slot := func(i uint32) *event.MountPoint { return &table[(first+i)%uint32(len(table))] }
		i := uint32(0)
		for i < uint32(bpfgen.SensorSizesMOUNT_PROBES) && slot(i).Used {
			i++
		}
		if i == uint32(bpfgen.SensorSizesMOUNT_PROBES) {
			slot(0).Full = true
			continue
		}
		*slot(i) = event.MountPoint{Dev: m.Dev, Used: true, Full: slot(i).Full}
		if m.Whole {
			slot(i).Hash = hashName(m.Point)
		}
	}
	return table
}
