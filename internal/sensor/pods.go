package sensor

import (
	"context"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/pods"
	"github.com/saker-sensor/saker/internal/report"
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
	s.pods.SetKinds(relatedKinds(s.first.rules, s.first.alerts))
	s.pods.Start(context.WithoutCancel(ctx)) // teardown ends it
	return nil
}

// podState is nil where no source of pods is asked.
func (s *sensor) podState() *report.Pods {
	if s.pods == nil {
		return nil
	}
	return &report.Pods{
		Counters: s.pods.Counters(), Status: s.pods.Status(), Source: s.pods.Source(),
		Kubelet: s.Config.Kubernetes.Source == config.SourceKubelet, Related: s.pods.KindErrors(),
	}
}
