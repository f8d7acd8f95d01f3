package sensor

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/guard"
	"github.com/saker-sensor/saker/internal/report"
)

// heartbeat keeps the state file, in a goroutine of its own, so that the next start knows how this run ended.
type heartbeat struct {
	path string
	// file is nil while another sensor has it: the one that this one replaces, and that is about to end.
	file  *guard.StateFile
	state guard.State
	log   *zap.Logger
	// failed: an error was logged already; it is logged once.
	failed bool
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// openHeartbeat tells how the last run ended. It comes after attach, where the time away ends. Without a state file the
// sensor does all else.
func (s *sensor) openHeartbeat(context.Context) error {
	path := s.Config.Guard.StateFile
	if path == "" {
		return nil
	}
	file, last, err := guard.OpenState(path)
	if err != nil {
		s.Log.Warn("the next start will not know how this run ended, or this one not how the last did; see guard.state_file", zap.Error(err))
	}
	if file == nil && !errors.Is(err, guard.ErrTaken) {
		return nil
	}
	now := guard.Now()
	boot := guard.BootID()
	if last != nil {
		s.tell(report.Away(last.Absence(boot, now, time.Now()), last, time.Now()))
	}
	s.heartbeat = &heartbeat{
		path: path, file: file, log: s.Log,
		state: guard.State{BootID: boot, Start: now.Boot, Version: s.Version, PID: os.Getpid()},
	}
	s.heartbeat.write(now, time.Now())
	return nil
}

// beatEvery is how often the state is written. The event loop says as often that it runs, so that of a run that was killed the next one
// knows the end to two seconds.
const beatEvery = time.Second

// start writes the state again and again. alive is when the event loop last ran.
func (h *heartbeat) start(alive func() (guard.Moment, time.Time)) {
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	h.done.Go(func() {
		ticks := time.NewTicker(beatEvery)
		defer ticks.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
				h.write(alive())
			}
		}
	})
}

// close notes a clean end, at the moment from which nothing was watched any more.
func (h *heartbeat) close(end guard.Moment, wall time.Time) error {
	if h.stop != nil {
		h.stop()
	}
	h.done.Wait()
	h.state.Clean = true
	h.write(end, wall)
	if h.file == nil {
		return nil
	}
	return h.file.Close()
}

func (h *heartbeat) write(alive guard.Moment, wall time.Time) {
	taken := h.file == nil
	if taken && !h.takeOver() {
		return
	}
	h.state.Alive, h.state.AliveTime = alive.Boot, wall
	err := h.file.Write(h.state)
	if err != nil && !h.failed {
		h.failed = true
		h.log.Warn("the next start may not know how this run ended; see guard.state_file", zap.Error(err))
	}
	if taken && err == nil { // once it holds this run's state
		h.log.Info("the other sensor has ended: the state file is this one's now", zap.String("path", h.path))
	}
}

// takeOver opens the file that another sensor had. What that one has left in it tells of no time away: this one ran meanwhile.
func (h *heartbeat) takeOver() bool {
	file, _, err := guard.OpenState(h.path)
	if h.file = file; file == nil && !errors.Is(err, guard.ErrTaken) && !h.failed {
		h.failed = true
		h.log.Warn("the next start will not know how this run ended; see guard.state_file", zap.Error(err))
	}
	return file != nil
}
