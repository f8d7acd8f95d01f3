package sensor

import (
	"sync/atomic"
	"testing"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/pods"
	"github.com/saker-sensor/saker/internal/setup"
)

// TestRelatedKinds: the API server is asked for the kinds that enabled rules and their alerts read of, and for no others.
func TestRelatedKinds(t *testing.T) {
	for _, c := range []struct {
		what, condition, output, more string
		want                          [pods.Kinds]bool
	}{
		{"nothing but pods", "k8smeta.pod.label[a]=b", "%k8smeta.ns.name %k8smeta.deployment.name %k8smeta.rs.uid %k8smeta.rc.name", "",
			[pods.Kinds]bool{}},
		{"a condition", "k8smeta.ns.label[a]=b", "x", "", [pods.Kinds]bool{pods.Namespace: true}},
		{"an output", "proc.name=a", "%k8smeta.rs.labels", "", [pods.Kinds]bool{pods.ReplicaSet: true}},
		{"what is appended", "proc.name=a", "x", "%k8smeta.deployment.uid", [pods.Kinds]bool{pods.Deployment: true}},
		{"a list", "k8smeta.svc.label[a] intersects (b)", "x", "", [pods.Kinds]bool{pods.Service: true}},
		{"several", "k8smeta.rc.label.a exists", "%k8smeta.ns.uid", "", [pods.Kinds]bool{pods.Namespace: true, pods.ReplicationController: true}},
	} {
		cfg := config.Default()
		if c.more != "" {
			cfg.AppendOutput = []config.Append{{ExtraFields: []any{map[string]any{"more": c.more}}}}
		}
		text := "- rule: r\n  desc: d\n  condition: spawned_process and " + c.condition + "\n  output: x " + c.output + "\n  priority: NOTICE\n" +
			"- rule: off\n  desc: d\n  condition: spawned_process and k8smeta.ns.label[a]=b\n  output: x\n  priority: NOTICE\n  enabled: false\n"
		rules, results := setup.Load(cfg, []rulefile.Source{{Name: "r.yaml", Content: []byte(text)}})
		if !results.Successful() {
			t.Fatal(setup.RulesError(&results))
		}
		alerts, err := newRendering(&cfg, rules, &atomic.Uint64{})
		if err != nil {
			t.Fatal(err)
		}
		if got := relatedKinds(rules, alerts); got != c.want {
			t.Errorf("%s: asked for is %v, want %v", c.what, got, c.want)
		}
	}
}
