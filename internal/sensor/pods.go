package sensor

import (
	"context"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/pods"
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
	s.pods = pods.New(podSettings(&s.Config))
	s.pods.Want(kinOf(s.rules, s.alerts.latest))
	s.pods.Start(context.WithoutCancel(ctx)) // teardown ends it
	return nil
}

func podSettings(cfg *config.Config) pods.Settings {
	k := &cfg.Kubernetes
	if k.Source == config.SourceKubelet {
		return pods.Settings{Kubelet: &pods.Kubelet{Address: k.Kubelet.URL(), CAFile: k.Kubelet.CAFile, Insecure: k.Kubelet.Insecure, Interval: k.Kubelet.Interval}}
	}
	node := k.Node
	if node == "" {
		node = config.Hostname()
	}
	return pods.Settings{Node: node, Kubeconfig: k.Kubeconfig}
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

// podFindings asks the API server or the kubelet once, if the configuration does.
func podFindings(cfg config.Config) []Finding {
	if cfg.Kubernetes.Source == config.SourceNone {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), askDeadline)
	defer cancel()
	settings := podSettings(&cfg)
	host, now := pods.Ask(ctx, settings)
	f := Finding{Name: settings.Source(), OK: now.Err == nil, Detail: host + " tells of this node's pods"}
	if now.Err != nil {
		// The error's last part is what to do, if it knows.
		f.Detail, f.Remedy, _ = strings.Cut(oneLine(now.Err), "; ")
	}
	return []Finding{f}
}

// askDeadline bounds a question of the doctor's.
const askDeadline = 5 * time.Second
