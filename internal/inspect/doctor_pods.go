package inspect

import (
	"context"
	"strings"
	"time"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/pods"
	"github.com/saker-sensor/saker/internal/setup"
)

// podFindings asks the API server or the kubelet once, if the configuration does.
func podFindings(cfg config.Config) []Finding {
	if cfg.Kubernetes.Source == config.SourceNone {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), askDeadline)
	defer cancel()
	settings := setup.Pods(&cfg)
	host, now := pods.Ask(ctx, settings)
	f := Finding{Name: settings.Source(), OK: now.Err == nil, Detail: host + " tells of this node's pods"}
	if now.Err != nil {
		// The error's last part is what to do, if it knows.
		f.Detail, f.Remedy, _ = strings.Cut(setup.OneLine(now.Err), "; ")
	}
	return []Finding{f}
}

// askDeadline bounds a question of the doctor's.
const askDeadline = 5 * time.Second
