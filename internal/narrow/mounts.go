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
	used := make([]bool, len(table))
	for _, m := range mounts {
		slot := m.Dev % uint32(len(table))
		p := &table[slot]
		p.Ambiguous = p.Ambiguous || used[slot] || !m.Whole
		p.Dev, p.Hash = m.Dev, hashName(m.Point)
		used[slot] = true
	}
	return table
}
