package report

import (
	"fmt"
	"strings"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/pods"
	"github.com/saker-sensor/saker/internal/setup"
)

// changedRelated tells of each kind of object around pods that begins or ceases to be missing.
func changedRelated(before, now *Snapshot) (notices []Notice) {
	if now.Pods == nil {
		return nil
	}
	var was [pods.Kinds]error
	if before.Pods != nil {
		was = before.Pods.Related
	}
	for kind, err := range now.Pods.Related {
		if (was[kind] == nil) == (err == nil) {
			continue
		}
		fields := zap.Strings("fields", setup.RelatedFields()[kind])
		switch {
		case err == nil:
			notices = append(notices, info("API server: objects around pods are known", fields))
		case now.Pods.Kubelet:
			notices = append(notices, warn("kubelet: objects around pods are not known; fields are missing", fields, zap.Error(err)))
		default:
			notices = append(notices, warn("API server: objects around pods are not known; fields may be missing", fields, zap.Error(err),
				zap.String("remedy", "where it is forbidden, let a role of the service account "+pods.Kind(kind).Access()+" in all namespaces")))
		}
	}
	return notices
}

// relatedTroubles are the lines of /healthz about kinds of objects that can't be had.
func relatedTroubles(p *Pods) (lines []string) {
	for kind, err := range p.Related {
		if err != nil {
			lines = append(lines, fmt.Sprintf("%s: %s may be missing: %s", p.Source, strings.Join(setup.RelatedFields()[kind], ", "),
				setup.OneLine(err)))
		}
	}
	return lines
}
