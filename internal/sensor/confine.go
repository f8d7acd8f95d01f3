package sensor

import (
	"context"
	"errors"
	"os"
	"runtime/debug"
	"strings"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/privilege"
)

// heapShare is the part of the cgroup's memory, beyond that of the kernel's maps, which Go may take before it collects
// garbage more often. The rest is for what Go does not count: the binary, page tables, buffers of sockets and files.
const heapShare = 0.9

// confine comes last: the sensor gives up what only its start needs. Nothing that fails here ends it.
func (s *sensor) confine(context.Context) error {
	s.limitMemory()
	s.dropPrivileges()
	s.releaseMemory()
	return nil
}

// limitMemory has Go stay below the limit of the sensor's cgroup, so that the kernel does not kill it. Who sets GOMEMLIMIT
// has decided already.
func (s *sensor) limitMemory() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	limit, err := memlimit.FromCgroup()
	if errors.Is(err, memlimit.ErrNoLimit) || errors.Is(err, memlimit.ErrNoCgroup) {
		return
	}
	if err != nil {
		s.Log.Warn("the memory limit of the sensor's cgroup can't be read; GOMEMLIMIT sets one", zap.Error(err))
		return
	}
	maps := s.probe.MemoryBytes()
	if limit <= maps {
		s.Log.Warn("the kernel's maps alone take the memory limit of the sensor's cgroup; raise it, or lower engine.modern_ebpf.buf_size_preset",
			zap.Uint64("limit", limit), zap.Uint64("maps", maps))
		return
	}
	goes := int64(float64(limit-maps) * heapShare)
	debug.SetMemoryLimit(goes)
	s.Log.Info("memory limit of the sensor's cgroup", zap.Uint64("limit", limit), zap.Uint64("maps", maps), zap.Int64("gomemlimit", goes))
}

// dropPrivileges tells what the sensor lacks, and gives up what it has too much.
func (s *sensor) dropPrivileges() {
	held, err := privilege.Held()
	if err != nil {
		s.Log.Warn("privileges are not dropped", zap.Error(err))
		return
	}
	for _, n := range privilege.Missing(held) {
		s.Log.Warn("a capability is missing", zap.String("capability", n.Name), zap.String("lost", n.Loss))
	}
	if !s.Config.Privileges.Drop {
		return
	}
	kept := privilege.Kept(held)
	if err := privilege.Drop(kept); err != nil {
		s.Log.Warn("privileges are not dropped, or not all", zap.Error(err))
		return
	}
	s.Log.Info("privileges dropped", zap.String("kept", strings.Join(kept.Names(), " ")))
}
