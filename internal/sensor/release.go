package sensor

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/prometheus/procfs"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// release gives back the memory that a start or a reload takes and the walk of an event does not: garbage, and pages of the binary,
// most of which ran once. The kernel keeps these pages as long as it has room, so that the next use finds them without
// reading the disk, and takes them first when it has not (madvise(2), MADV_COLD since Linux 5.4).
func release() error {
	debug.FreeOSMemory()
	self, err := procfs.Self()
	if err != nil {
		return fmt.Errorf("give back memory: %w", err)
	}
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("give back memory: %w", err)
	}
	maps, err := self.ProcMaps()
	if err != nil {
		return fmt.Errorf("give back memory: read the mappings: %w", err)
	}
	for _, m := range maps {
		if m.Pathname != exe || m.Perms.Write {
			continue
		}
		for _, advice := range []uintptr{unix.MADV_COLD, unix.MADV_DONTNEED} {
			if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.StartAddr, m.EndAddr-m.StartAddr, advice); errno != 0 {
				return fmt.Errorf("give back memory: %w", errno)
			}
		}
	}
	return nil
}

func (s *sensor) releaseMemory() {
	if err := release(); err != nil {
		s.Log.Warn("the memory of the start is not given back", zap.Error(err))
	}
}
