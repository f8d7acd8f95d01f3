package deploy

import (
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	strict "sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "renew the golden files")

// render is helm template saker deploy/helm/saker --namespace saker -f values. notes are what helm install prints.
func render(t *testing.T, values string) (manifest, notes string, err error) {
	t.Helper()
	chart, err := loader.Load("../../deploy/helm/saker")
	if err != nil {
		t.Fatal(err)
	}
	given, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		t.Fatal(err)
	}
	options := chartutil.ReleaseOptions{Name: "saker", Namespace: "saker", Revision: 1, IsInstall: true}
	whole, err := chartutil.ToRenderValues(chart, given, options, chartutil.DefaultCapabilities)
	if err != nil {
		return "", "", err
	}
	files, err := engine.Render(chart, whole)
	if err != nil {
		return "", "", err
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, ".yaml") {
			text.WriteString("---\n" + files[name] + "\n")
		}
	}
	return text.String(), files["saker/templates/NOTES.txt"], nil
}

func mustRender(t *testing.T, values string) string {
	t.Helper()
	manifest, _, err := render(t, values)
	if err != nil {
		t.Fatal(err)
	}
	return manifest
}

// configOf is the sensor's configuration in a manifest.
func configOf(t *testing.T, manifest string) (c struct {
	RulesFiles []string `json:"rules_files"`
	JSON       bool     `json:"json_output"`
	Priority   string   `json:"priority"`
	HTTP       struct {
		Enabled bool   `json:"enabled"`
		URL     string `json:"url"`
	} `json:"http_output"`
	Kubernetes struct {
		Source string `json:"source"`
	} `json:"kubernetes"`
	Metrics struct {
		Enabled bool `json:"enabled"`
		Rules   bool `json:"rules_counters_enabled"`
		MB      bool `json:"convert_memory_to_mb"`
	} `json:"metrics"`
	Webserver struct {
		Enabled    bool `json:"enabled"`
		Prometheus bool `json:"prometheus_metrics_enabled"`
		Port       int  `json:"listen_port"`
	} `json:"webserver"`
}) {
	t.Helper()
	for name, object := range objects(t, manifest) {
		if m, ok := object.(*corev1.ConfigMap); ok && !strings.HasSuffix(name, "-rules") {
			if err := strict.Unmarshal([]byte(m.Data["saker.yaml"]), &c); err != nil {
				t.Fatal(err)
			}
		}
	}
	return c
}

// TestChartIsManifest: by default the chart deploys what deploy/daemonset.yaml does.
func TestChartIsManifest(t *testing.T) {
	manifest := mustRender(t, "")
	plain, chart := daemonSet(t, read(t, "daemonset.yaml")), daemonSet(t, manifest)
	a, b := plain.Spec.Template.Spec, chart.Spec.Template.Spec
	// The volume of the runtime's folder is numbered in the chart, because there may be several.
	for _, spec := range []*corev1.PodSpec{&a, &b} {
		for i := range spec.Volumes {
			spec.Volumes[i].Name = strings.ReplaceAll(spec.Volumes[i].Name, "containerd", "runtime-0")
		}
		for i := range spec.Containers[0].VolumeMounts {
			m := &spec.Containers[0].VolumeMounts[i]
			m.Name = strings.ReplaceAll(m.Name, "containerd", "runtime-0")
		}
	}
	if !equality.Semantic.DeepEqual(a, b) {
		left, _ := strict.Marshal(a)
		right, _ := strict.Marshal(b)
		t.Errorf("the manifest's pod is\n%s\nthe chart's\n%s", left, right)
	}
	if !equality.Semantic.DeepEqual(plain.Spec.UpdateStrategy, chart.Spec.UpdateStrategy) {
		t.Errorf("update strategies %v, %v", plain.Spec.UpdateStrategy, chart.Spec.UpdateStrategy)
	}
	if left, right := configOf(t, read(t, "daemonset.yaml")), configOf(t, manifest); !equality.Semantic.DeepEqual(left, right) {
		t.Errorf("configurations\n%+v\n%+v", left, right)
	}
}

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs from what is rendered; go test ./... -update renews it:\n%s", file, got)
	}
}

// TestRendering: what the chart makes of its own values, and of those of Falco's.
func TestRendering(t *testing.T) {
	golden(t, "default.golden", mustRender(t, ""))
	values, err := os.ReadFile("testdata/falco_values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "falco.golden", mustRender(t, string(values)))
}

// TestFalcoValues: values as people have them for Falco's chart do here what they do there.
func TestFalcoValues(t *testing.T) {
	values, err := os.ReadFile("testdata/falco_values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	manifest := mustRender(t, string(values))
	all := objects(t, manifest)
	c := configOf(t, manifest)
	if c.Priority != "warning" || !c.JSON || !c.HTTP.Enabled || c.HTTP.URL != "http://falcosidekick.falco:2801" ||
		!c.Metrics.Enabled || !c.Webserver.Prometheus || c.Webserver.Port != 9765 {
		t.Errorf("configuration %+v", c)
	}
	rules := all["ConfigMap saker-rules"].(*corev1.ConfigMap).Data
	if !strings.HasPrefix(rules["shop_rules.yaml"], "- rule: Terminal shell in container\n") {
		t.Errorf("custom rules %q", rules)
	}
	spec := all["DaemonSet saker"].(*appsv1.DaemonSet).Spec.Template
	container := spec.Spec.Containers[0]
	switch {
	case !c.Metrics.Rules || c.Metrics.MB:
		t.Errorf("metrics %+v", c.Metrics)
	case strings.Join(container.Args, " ") != "-o log_level=debug", !container.TTY:
		t.Errorf("arguments %v, tty %v", container.Args, container.TTY)
	case container.Image != "registry.example.org/security/saker:1.2.3":
		t.Errorf("image %s", container.Image)
	case container.Ports[0].ContainerPort != 9765:
		t.Errorf("port %v", container.Ports)
	case spec.Annotations["team"] != "security", spec.Spec.NodeSelector["pool"] != "shop", len(spec.Spec.Tolerations) != 1:
		t.Errorf("pod %v %v", spec.ObjectMeta, spec.Spec.Tolerations)
	case spec.Spec.PriorityClassName != "system-node-critical", all["PriorityClass saker"] != nil:
		t.Errorf("priority class %s", spec.Spec.PriorityClassName)
	case !*container.SecurityContext.Privileged, container.SecurityContext.Capabilities != nil:
		t.Errorf("security context %v", container.SecurityContext)
	case c.Kubernetes.Source != "api",
		!*spec.Spec.AutomountServiceAccountToken,
		all["ClusterRole saker"] == nil,
		all["ClusterRoleBinding saker"] == nil:
		t.Error("the API server is not asked, or there is no role or no token for it")
	case all["ServiceMonitor saker"] == nil, all["Service saker-metrics"] == nil:
		t.Error("no service monitor, or no service")
	}
}

// TestFalcosWholeValues: who keeps all values of Falco's chart in a file installs this chart with it: this chart's image runs, and
// the sensor takes the configuration.
func TestFalcosWholeValues(t *testing.T) {
	values, err := os.ReadFile("testdata/falco_all.yaml")
	if err != nil {
		t.Fatal(err)
	}
	manifest := mustRender(t, string(values)+"\n")
	all := objects(t, manifest)
	container := all["DaemonSet saker"].(*appsv1.DaemonSet).Spec.Template.Spec.Containers[0]
	if !strings.HasPrefix(container.Image, "ghcr.io/saker-sensor/saker:") {
		t.Errorf("image %s", container.Image)
	}
	file := filepath.Join(t.TempDir(), "saker.yaml")
	if err := os.WriteFile(file, []byte(all["ConfigMap saker"].(*corev1.ConfigMap).Data["saker.yaml"]), 0o600); err != nil {
		t.Fatal(err)
	}
	check := exec.Command("go", "run", "-C", "../..", "./cmd/sensor", "config", "check", file)
	if out, err := check.CombinedOutput(); err != nil || strings.Contains(string(out), "unknown") {
		t.Errorf("the sensor refuses the configuration: %v\n%s", err, out)
	}
}

// TestFalcoSwitches: values of Falco's chart that change what is deployed.
func TestFalcoSwitches(t *testing.T) {
	manifest := mustRender(t, `
falcosidekick: {enabled: true, fullfqdn: true, listenPort: 2802, config: {slack: {webhookurl: x}}}
certs: {server: {key: KEY, crt: CRT}, ca: {crt: CA}, existingClientSecret: mine}
serviceAccount: {imagePullSecrets: [{name: pull}]}
extra: {initContainers: [{name: first, image: busybox}]}
podHostname: sensor
metrics: {enabled: true, service: {type: NodePort, labels: {a: b}, ports: {metrics: {port: 80}}}}
serviceMonitor: {create: true, scheme: https, path: /m, targetLabels: [a], tlsConfig: {insecureSkipVerify: true}}
`)
	all := objects(t, manifest)
	spec := all["DaemonSet saker"].(*appsv1.DaemonSet).Spec.Template.Spec
	mounts := map[string]string{}
	for _, m := range spec.Containers[0].VolumeMounts {
		mounts[m.MountPath] = m.Name
	}
	secrets := map[string]string{}
	for _, v := range spec.Volumes {
		if v.Secret != nil {
			secrets[v.Name] = v.Secret.SecretName
		}
	}
	service := all["Service saker-metrics"].(*corev1.Service)
	switch c := configOf(t, manifest); {
	case c.HTTP.URL != "http://falcosidekick.saker.svc.cluster.local:2802":
		t.Errorf("posts to %s", c.HTTP.URL)
	case secrets[mounts["/etc/falco/certs"]] != "saker-certs", secrets[mounts["/etc/falco/certs/client"]] != "mine":
		t.Errorf("secrets %v, mounts %v", secrets, mounts)
	case all["Secret saker-certs"].(*corev1.Secret).StringData["falco.pem"] != "CRT\nKEY":
		t.Errorf("falco.pem %q", all["Secret saker-certs"].(*corev1.Secret).StringData["falco.pem"])
	case all["ServiceAccount saker"].(*corev1.ServiceAccount).ImagePullSecrets[0].Name != "pull":
		t.Error("the service account has no secret")
	case spec.InitContainers[0].Name != "first", spec.Hostname != "sensor":
		t.Errorf("init containers %v, host name %s", spec.InitContainers, spec.Hostname)
	case service.Spec.Type != corev1.ServiceTypeNodePort, service.Labels["a"] != "b", service.Spec.Ports[0].Port != 80:
		t.Errorf("service %v", service)
	}
	for _, want := range []string{"scheme: https", "path: /m", "insecureSkipVerify: true"} {
		if !strings.Contains(manifest, want) {
			t.Errorf("the service monitor has no %q", want)
		}
	}
}

// TestPodSource: the sensor has a token, the role that the source needs, and no other; without a source neither.
func TestPodSource(t *testing.T) {
	for values, want := range map[string]struct {
		source, resource string
		verbs            []string
	}{
		"": {}, "collectors: {kubernetes: {source: kubelet}}": {}, "falco: {kubernetes: {source: none}}": {},
		"collectors: {kubernetes: {enabled: true}}":                                    {"api", "pods", []string{"list", "watch"}},
		"falco: {kubernetes: {source: api}}":                                           {"api", "pods", []string{"list", "watch"}},
		"collectors: {kubernetes: {enabled: true, source: kubelet}}":                   {"kubelet", "nodes/pods", []string{"get"}},
		"falco: {kubernetes: {source: kubelet, kubelet: {interval: 5s}}}":              {"kubelet", "nodes/pods", []string{"get"}},
		"collectors: {kubernetes: {enabled: true, source: kubelet, nodesProxy: true}}": {"kubelet", "nodes/proxy", []string{"get"}},
	} {
		manifest := mustRender(t, values)
		all := objects(t, manifest)
		pod := all["DaemonSet saker"].(*appsv1.DaemonSet).Spec.Template.Spec
		role, _ := all["ClusterRole saker"].(*rbacv1.ClusterRole)
		if got := configOf(t, manifest).Kubernetes.Source; strings.Replace(got, "none", "", 1) != want.source ||
			*pod.AutomountServiceAccountToken != (want.source != "") {
			t.Errorf("%s: source %q, token %v", values, got, *pod.AutomountServiceAccountToken)
		}
		if (role == nil) != (want.source == "") ||
			role != nil &&
				!equality.Semantic.DeepEqual(
					role.Rules[0],
					rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{want.resource}, Verbs: want.verbs},
				) {
			t.Errorf("%s: role %+v", values, role)
		}
		if want.source == "kubelet" && len(role.Rules) != 1 {
			t.Errorf("%s: the role allows more than the kubelet needs: %v", values, role.Rules)
		}
	}
}

// TestBadValues: a value of the wrong kind is refused, with its name; with strictValues a name that the chart does not have is, too.
func TestBadValues(t *testing.T) {
	for values, want := range map[string]string{
		"falco: {priority: loud}":                       "priority",
		"falco: {json_output: perhaps}":                 "json_output",
		"falco: {http_output: on}":                      "http_output",
		"customRules: {a.yaml: [1]}":                    "customRules",
		"customRules: {a/b.yaml: x}":                    "a/b.yaml",
		"collectors: {kubernetes: {source: kublet}}":    "source",
		"tty: maybe":                                    "tty",
		"tolerations: all":                              "tolerations",
		"falcosidekick: {enabled: true, url: sidekick}": "url",
		"falco: {webserver: {listen_port: 70000}}":      "listen_port",
		"runtimeDirectories: [/run/containerd/c.sock]":  "runtimeDirectories",
		"image: {pullPolicy: Sometimes}":                "pullPolicy",
		"metrics: {enabled: [true]}":                    "metrics",
	} {
		if _, _, err := render(t, values); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "nil pointer") {
			t.Errorf("%s: error %v, want one about %s", values, err, want)
		}
	}
	for values, want := range map[string]string{
		"falco: {prioritty: warning}":                     "falco.prioritty",
		"falco: {jsonOutput: true}":                       "falco.jsonOutput: now falco.json_output",
		"falco: {rules: [{enabel: {tag: x}}]}":            "falco.rules[0].enabel",
		"controller: {kind: deployment}":                  "controller.kind",
		"falcosidekick: {webgui: {enabled: true}}":        "falcosidekick.webgui",
		"tolerance: [x]":                                  "tolerance",
		"ebpf: {enabled: true}":                           "ebpf",
		"customRules: {shop: \"[]\"}":                     "customRules.shop",
		"resources: {limit: {cpu: 1}}":                    "resources.limit",
		"serviceMonitor: {create: true}":                  "metrics.enabled",
		"healthChecks: {livenessProbe: {period: 1}}":      "healthChecks.livenessProbe.period",
		"falcosidekick: {enabled: true, webhook: {a: b}}": "falcosidekick.webhook",
	} {
		if _, _, err := render(t, "strictValues: true\n"+values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one about %s", values, err, want)
		}
		manifest, notes, err := render(t, values)
		if err != nil || !strings.Contains(notes, want) {
			t.Errorf("%s: %v, notes without %q:\n%s", values, err, want, notes)
		} else if daemonSet(t, manifest) == nil {
			t.Errorf("%s: no DaemonSet", values)
		}
	}
	if _, _, err := render(t, "strictValues: true\ndriver: {kind: ebpf}\nfalcoctl: {artifact: {install: {enabled: true}}}"); err != nil {
		t.Errorf("sections of Falco's chart are refused: %v", err)
	}
}
