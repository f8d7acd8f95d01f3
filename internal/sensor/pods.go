package sensor

import (
	"context"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/pods"
	"github.com/saker-sensor/saker/internal/setup"
)

// podSource knows what the API server or the kubelet says of a pod.
type podSource interface {
	// Lookup gives nil for a uid that is not known. It does not block.
	Lookup(uid string) *event.PodMeta
}

// openPods watches the node's pods, if the configuration asks for it. Without them pods have what the container runtime says.
func (s *sensor) openPods(ctx context.Context) error {
	if s.Config.Kubernetes.Source == config.SourceNone {
		return nil
	}
	s.pods = pods.New(setup.Pods(&s.Config))
	s.pods.SetKinds(kinOf(s.rules, s.alerts.latest))
	s.pods.Start(context.WithoutCancel(ctx)) // teardown ends it
	return nil
}

// reportPods logs each change of the watch's state, once.
func (s *sensor) reportPods() {
	if s.pods == nil {
		return
	}
	now := s.pods.Status()
	if now.State == s.podState {
		return
	}
	s.podState = now.State
	state := zap.String("state", string(now.State))
	if now.Err != nil {
		s.Log.Warn(s.pods.Source(), state, zap.Error(now.Err))
		return
	}
	s.Log.Info(s.pods.Source(), state, zap.Int("pods", s.pods.Counters().Pods))
}

// podCounters are nil where nobody is asked.
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
