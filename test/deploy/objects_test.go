// Package deploy tests what is deployed without a cluster: that Kubernetes would take each object, that the chart says what the
// manifest says, and that values are checked. It is a module of its own, to keep Helm and Kubernetes out of the sensor's.
package deploy

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

// newObject is an empty object of a kind that is deployed; nil for another kind.
func newObject(apiVersion, kind string) any {
	switch apiVersion + " " + kind {
	case "v1 Namespace":
		return &corev1.Namespace{}
	case "v1 ServiceAccount":
		return &corev1.ServiceAccount{}
	case "v1 ConfigMap":
		return &corev1.ConfigMap{}
	case "v1 Secret":
		return &corev1.Secret{}
	case "v1 Service":
		return &corev1.Service{}
	case "rbac.authorization.k8s.io/v1 ClusterRole":
		return &rbacv1.ClusterRole{}
	case "rbac.authorization.k8s.io/v1 ClusterRoleBinding":
		return &rbacv1.ClusterRoleBinding{}
	case "scheduling.k8s.io/v1 PriorityClass":
		return &schedulingv1.PriorityClass{}
	case "apps/v1 DaemonSet":
		return &appsv1.DaemonSet{}
	}
	return nil
}

// objects are those of a manifest, by kind and name. Kinds of custom resources, which no library of Kubernetes' has, stay maps.
func objects(t *testing.T, manifest string) map[string]any {
	t.Helper()
	found := map[string]any{}
	documents := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(manifest)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		var head struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Metadata   struct {
				Name string `json:"name"`
			} `json:"metadata"`
		}
		if err := strict.Unmarshal(document, &head); err != nil {
			t.Fatalf("read the manifest: %v\n%s", err, document)
		}
		if head.Kind == "" {
			continue // comments alone
		}
		object := newObject(head.APIVersion, head.Kind)
		if object == nil {
			if head.APIVersion != "monitoring.coreos.com/v1" {
				t.Fatalf("%s %s is not a kind that is deployed", head.APIVersion, head.Kind)
			}
			object = &map[string]any{}
		}
		if err := strict.UnmarshalStrict(document, object); err != nil {
			t.Errorf("%s %s: %v", head.Kind, head.Metadata.Name, err)
		}
		key := head.Kind + " " + head.Metadata.Name
		if found[key] != nil {
			t.Errorf("%s is there twice", key)
		}
		found[key] = object
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// daemonSet is the one of a manifest.
func daemonSet(t *testing.T, manifest string) *appsv1.DaemonSet {
	t.Helper()
	var found *appsv1.DaemonSet
	for _, object := range objects(t, manifest) {
		if ds, ok := object.(*appsv1.DaemonSet); ok {
			found = ds
		}
	}
	if found == nil {
		t.Fatal("there is no DaemonSet")
	}
	return found
}

// TestManifest: every object is one that Kubernetes takes, in the namespace, and what they name is there.
func TestManifest(t *testing.T) {
	all := objects(t, read(t, "daemonset.yaml"))
	for _, key := range []string{
		"Namespace saker", "PriorityClass saker", "ServiceAccount saker", "ConfigMap saker", "ConfigMap saker-rules", "DaemonSet saker",
	} {
		if all[key] == nil {
			t.Errorf("%s is absent", key)
		}
	}
	pod := daemonSet(t, read(t, "daemonset.yaml")).Spec.Template.Spec
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
		if v.ConfigMap != nil && all["ConfigMap "+v.ConfigMap.Name] == nil {
			t.Errorf("volume %s: there is no config map %s", v.Name, v.ConfigMap.Name)
		}
		if v.HostPath != nil && strings.HasSuffix(v.HostPath.Path, ".sock") {
			t.Errorf("volume %s is a socket, which a restarted runtime replaces", v.Name)
		}
	}
	for _, m := range pod.Containers[0].VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("mount %s has no volume", m.Name)
		}
	}
}

// TestLeastPrivileges: the manifest asks for no more than is meant, and the overlay for what it is there for.
func TestLeastPrivileges(t *testing.T) {
	pod := daemonSet(t, read(t, "daemonset.yaml")).Spec.Template.Spec
	s := pod.Containers[0].SecurityContext
	var added []string
	for _, c := range s.Capabilities.Add {
		added = append(added, string(c))
	}
	switch {
	case *s.Privileged, *s.AllowPrivilegeEscalation, !*s.ReadOnlyRootFilesystem:
		t.Error("the container is privileged, or may write to its root")
	case pod.HostNetwork, pod.HostIPC, !pod.HostPID:
		t.Error("of the host's namespaces the pod needs that of processes, and no other")
	case strings.Join(added, " ") != "BPF PERFMON SYS_PTRACE DAC_READ_SEARCH", len(s.Capabilities.Drop) != 1, s.Capabilities.Drop[0] != "ALL":
		t.Errorf("capabilities %v", s.Capabilities)
	case s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault:
		t.Errorf("seccomp %v", s.SeccompProfile)
	case *pod.AutomountServiceAccountToken:
		t.Error("the API server is not asked, so no token is needed")
	}
	overlay := daemonSet(t, read(t, "kustomize/overlays/privileged/privileged.yaml")).Spec.Template.Spec.Containers[0].SecurityContext
	if !*overlay.Privileged || overlay.Capabilities != nil || overlay.SeccompProfile != nil {
		t.Errorf("the overlay sets %v", overlay)
	}
}

// TestKustomizeBase: its copy of the manifest is the manifest.
func TestKustomizeBase(t *testing.T) {
	if read(t, "daemonset.yaml") != read(t, "kustomize/base/daemonset.yaml") {
		t.Error("deploy/kustomize/base/daemonset.yaml differs; copy deploy/daemonset.yaml over it")
	}
}
