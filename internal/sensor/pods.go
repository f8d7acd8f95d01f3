package sensor

import (
	"context"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/pods"
)

// podSource knows what the API server says of a pod.
type podSource interface {
	// Lookup gives nil for a uid that is not known. It does not block.
	Lookup(uid string) *event.PodMeta
}

// openPods watches the node's pods, if the configuration asks for it. Without them pods have what the container runtime says.
func (s *sensor) openPods(ctx context.Context) error {
	if s.Config.Kubernetes.Source != config.SourceAPI {
		return nil
	}
	w, err := pods.New(pods.Settings{Node: config.Hostname()})
	if err != nil {
		s.Log.Warn("the API server is not asked: pods have what the container runtime says", zap.Error(err))
		return nil
	}
	s.pods = w
	w.Start(context.WithoutCancel(ctx)) // teardown ends it
	return nil
}

// reportPods logs each change of the watch's state, once.
func (s *sensor) reportPods() {
	if s.pods == nil {
		return
	}
	now := s.pods.Status()
	state := "connecting"
	switch {
	case now.Connected:
		state = "connected"
	case now.Err != nil:
		state = "unreachable"
	}
	if state == s.podState {
		return
	}
	s.podState = state
	if now.Err != nil {
		s.Log.Warn("API server", zap.String("state", state), zap.Error(now.Err))
		return
	}
	s.Log.Info("API server", zap.String("state", state), zap.Int("pods", s.pods.Counters().Pods))
}

// podCounters are nil where the API server is not asked.
func (s *sensor) podCounters() *podScrape {
	if s.pods == nil {
		return nil
	}
	return &podScrape{s.pods.Counters(), s.pods.Status()}
}

// podScrape is what the metrics tell of the watch.
type podScrape struct {
	pods.Counters
	pods.Status
}
