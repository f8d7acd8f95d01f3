package setup

import (
	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/pods"
)

// Pods says whom to ask about pods, and how.
func Pods(cfg *config.Config) pods.Settings {
	k := &cfg.Kubernetes
	if k.Source == config.SourceKubelet {
		return pods.Settings{Kubelet: &pods.Kubelet{Address: k.Kubelet.URL(), CAFile: k.Kubelet.CAFile, Insecure: k.Kubelet.Insecure,
			Interval: k.Kubelet.Interval}}
	}
	node := k.Node
	if node == "" {
		node = config.Hostname()
	}
	return pods.Settings{Node: node, Kubeconfig: k.Kubeconfig}
}
