package report

import (
	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/pods"
)

// changedPods tells of a change of the connection to the API server or the kubelet.
func changedPods(before, now *Snapshot) []Notice {
	p := now.Pods
	if p == nil {
		return nil
	}
	var was pods.State
	if before.Pods != nil {
		was = before.Pods.State
	}
	if p.State == was {
		return nil
	}
	state := zap.String("state", string(p.State))
	if p.Err != nil {
		return []Notice{warn(p.Source, state, zap.Error(p.Err))}
	}
	return []Notice{info(p.Source, state, zap.Int("pods", p.Counters.Pods))}
}
