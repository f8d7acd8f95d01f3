package report

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/pods"
)

// TestRelatedTroubles: health names the fields that a role which lacks a verb costs.
func TestRelatedTroubles(t *testing.T) {
	got := relatedTroubles(&Pods{Source: "API server", Related: [pods.Kinds]error{pods.ReplicaSet: errors.New("forbidden: no role\nmore")}})
	want := []string{"API server: k8smeta.rs.label, k8smeta.rs.labels may be missing: forbidden: no role"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
