package sensor

import (
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/pods"
	"github.com/saker-sensor/saker/internal/setup"
)

// kinFields are the fields for which the API server has to be asked about more than pods, by the kind of object.
var kinFields = [pods.Kinds][]string{
	pods.Namespace:             {"k8smeta.ns.uid", "k8smeta.ns.label", "k8smeta.ns.labels"},
	pods.Deployment:            {"k8smeta.deployment.uid", "k8smeta.deployment.label", "k8smeta.deployment.labels"},
	pods.ReplicaSet:            {"k8smeta.rs.label", "k8smeta.rs.labels"},
	pods.ReplicationController: {"k8smeta.rc.label", "k8smeta.rc.labels"},
	pods.Service:               {"k8smeta.svc.name", "k8smeta.svc.uid", "k8smeta.svc.label", "k8smeta.svc.labels"},
}

// kinOf are the kinds of objects that enabled rules and their alerts read of.
func kinOf(rules *engine.Ruleset, alerts *rendering) (kinds [pods.Kinds]bool) {
	for _, r := range rules.Rules() {
		if !r.Enabled {
			continue
		}
		names := r.Reads()
		f := alerts.byRule[r]
		for _, ref := range f.line.Fields() {
			names = append(names, ref.Name)
		}
		if f.whole != nil {
			for _, ref := range f.whole.Fields() {
				names = append(names, ref.Name)
			}
		}
		for kind, fields := range kinFields {
			kinds[kind] = kinds[kind] || slices.ContainsFunc(names, func(name string) bool { return slices.Contains(fields, name) })
		}
	}
	return kinds
}

// kinTroubles are the lines of /healthz about kinds that can't be had.
func kinTroubles(from string, errs [pods.Kinds]error) (lines []string) {
	for kind, err := range errs {
		if err != nil {
			lines = append(lines, fmt.Sprintf("%s: %s may be missing: %s", from, strings.Join(kinFields[kind], ", "), setup.OneLine(err)))
		}
	}
	return lines
}

// kinReport is which kinds could not be had when it was last looked.
type kinReport [pods.Kinds]bool

// report logs each change of that, once.
func (k *kinReport) report(s *sensor) {
	if s.pods == nil {
		return
	}
	for kind, err := range s.pods.KindErrors() {
		if k[kind] == (err != nil) {
			continue
		}
		k[kind] = err != nil
		fields := zap.Strings("fields", kinFields[kind])
		if err == nil {
			s.Log.Info("API server: objects around pods are known", fields)
			continue
		}
		if s.Config.Kubernetes.Source == config.SourceKubelet {
			s.Log.Warn("kubelet: objects around pods are not known; fields are missing", fields, zap.Error(err))
			continue
		}
		s.Log.Warn("API server: objects around pods are not known; fields may be missing", fields, zap.Error(err),
			zap.String("remedy", "where it is forbidden, let a role of the service account "+pods.Kind(kind).Access()+" in all namespaces"))
	}
}
