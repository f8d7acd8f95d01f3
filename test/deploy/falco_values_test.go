package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	strict "sigs.k8s.io/yaml"
)

// TestOldValues: values of older versions of Falco's chart count under their new names, and the notes tell of each.
func TestOldValues(t *testing.T) {
	manifest, notes, err := render(t, `
image: {registry: docker.io, repository: falcosecurity/falco, tag: 0.30.0, pullSecrets: [{name: pull}]}
docker: {enabled: true, socket: /var/run/docker.sock}
kubernetesSupport: {enabled: true}
ebpf: {enabled: true, path: null, settings: {hostNetwork: true}}
auditLog: {enabled: false}
fakeEventGenerator: {enabled: false, args: [run], replicas: 1}
falcotalon: {enabled: false}
priorityClassName: system-node-critical
podSecurityPolicy: {create: false}
leastPrivileged: {enabled: true}
proxy: {httpProxy: null}
timezone: null
extraVolumes: [{name: more, emptyDir: {}}]
extraVolumeMounts: [{name: more, mountPath: /more}]
extraInitContainers: [{name: first, image: busybox}]
daemonset:
  updateStrategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 1}}
  env: {TZ: Europe/Rome, NUMBER: 1}
  podAnnotations: {team: security}
scc: {create: true}
controller: {kind: deployment}
customRules: {shop: "[]"}
falcosidekick: {enabled: true, listenport: 2802, debug: true}
falco:
  rulesFile: [/etc/falco/falco_rules.yaml, /etc/falco/rules.d]
  jsonOutput: false
  jsonIncludeOutputProperty: "false"
  timeFormatISO8601: true
  logLevel: debug
  logStderr: true
  priority: warning
  rate: 1
  syscallEventDrops: {actions: [log], rate: .03333, maxBurst: 10, threshold: .1}
  syscallEventTimeouts: {maxConsecutives: 500}
  outputs: {rate: 1, maxBurst: 1000}
  fileOutput: {enabled: true, keepAlive: true, filename: /tmp/events}
  httpOutput: {enabled: false, url: http://x, userAgent: me}
  programOutput: {enabled: false, keepAlive: false, program: mail}
  metadataDownload: {maxMb: 100, chunkWaitUs: 1000, watchFreqSec: 1}
  webserver: {listenPort: 9765, k8sHealthzEndpoint: /hz, nodePort: false, sslEnabled: false}
  livenessProbe: {periodSeconds: 77}
  grpc: {enabled: false, unixSocketPath: "unix:///run/x.sock", listenPort: 5060, privateKey: /k}
  grpcOutput: {enabled: false}
  engine: {kind: gvisor}
`)
	if err != nil {
		t.Fatal(err)
	}
	all := objects(t, manifest)
	var c map[string]any
	if err := strict.Unmarshal([]byte(all["ConfigMap saker"].(*corev1.ConfigMap).Data["saker.yaml"]), &c); err != nil {
		t.Fatal(err)
	}
	values := chartutil.Values(map[string]any{"falco": c})
	for path, want := range map[string]any{
		"json_include_output_property": "false", "time_format_iso_8601": true, "log_level": "debug", "priority": "warning",
		"syscall_event_drops.max_burst": 10.0, "syscall_event_timeouts.max_consecutives": 500.0,
		"file_output.keep_alive": true, "http_output.user_agent": "me", "http_output.url": "http://falcosidekick:2802",
		"webserver.listen_port": 9765.0, "webserver.k8s_healthz_endpoint": "/hz", "webserver.ssl_enabled": false,
		"grpc.bind_address": "unix:///run/x.sock", "grpc.private_key": "/k", "engine.kind": "modern_ebpf",
	} {
		if got, err := values.PathValue("falco." + path); err != nil || got != want {
			t.Errorf("falco.%s is %v (%v), want %v", path, got, err, want)
		}
	}
	if files := configOf(t, manifest).RulesFiles; !slices.Equal(files, []string{"/etc/falco/falco_rules.yaml", "/etc/falco/rules.d"}) ||
		c["rules_file"] != nil {
		t.Errorf("rules files %v, %v", files, c["rules_file"])
	}
	set := all["DaemonSet saker"].(*appsv1.DaemonSet)
	pod := set.Spec.Template
	box := pod.Spec.Containers[0]
	env := map[string]string{}
	for _, e := range box.Env {
		env[e.Name] = e.Value
	}
	switch {
	case env["TZ"] != "Europe/Rome", env["NUMBER"] != "1":
		t.Errorf("environment %v", env)
	case pod.Spec.PriorityClassName != "system-node-critical", *box.SecurityContext.Privileged, pod.Annotations["team"] != "security":
		t.Errorf("pod %v %v", pod.Annotations, pod.Spec)
	case pod.Spec.InitContainers[0].Name != "first",
		!slices.ContainsFunc(box.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == "/more" }):
		t.Errorf("init containers or mounts are missing: %v", box.VolumeMounts)
	case set.Spec.UpdateStrategy.RollingUpdate.MaxSurge.IntValue() != 0, set.Spec.UpdateStrategy.RollingUpdate.MaxUnavailable.IntValue() != 1:
		t.Errorf("update strategy %v", set.Spec.UpdateStrategy)
	case pod.Spec.ImagePullSecrets[0].Name != "pull", box.Image != "ghcr.io/saker-sensor/saker:latest":
		t.Errorf("image %s, secrets %v", box.Image, pod.Spec.ImagePullSecrets)
	case box.LivenessProbe.PeriodSeconds != 77, box.LivenessProbe.HTTPGet.Path != "/hz", box.Ports[0].ContainerPort != 9765:
		t.Errorf("probe %v, ports %v", box.LivenessProbe, box.Ports)
	case all["ConfigMap saker-rules"].(*corev1.ConfigMap).Data["shop.yaml"] != "[]":
		t.Errorf("rules %v", all["ConfigMap saker-rules"])
	}
	for _, want := range []string{
		"falco.jsonOutput: now falco.json_output", "falco.rulesFile: now falco.rules_files",
		"falco.syscallEventDrops: now falco.syscall_event_drops",
		"falco.syscall_event_drops.maxBurst: now falco.syscall_event_drops.max_burst",
		"falco.webserver.listenPort: now falco.webserver.listen_port",
		"priorityClassName: now podPriorityClassName", "daemonset.env: now extra.env", "falco.livenessProbe: now healthChecks.livenessProbe",
		"ebpf: ", "auditLog: ", "fakeEventGenerator: ", "falcotalon: ", "kubernetesSupport: now collectors.kubernetes", "falco.rate: ",
		"controller.kind deployment: ", "falco.engine.kind gvisor: ", "scc: ", "falcosidekick.debug", "customRules.shop: now shop.yaml",
	} {
		if !strings.Contains(notes, "\n  "+want) {
			t.Errorf("the notes have no %q:\n%s", want, notes)
		}
	}
	for _, not := range []string{"daemonset: ", "timezone", "unknown values: "} {
		if strings.Contains(notes, not) {
			t.Errorf("the notes have %q:\n%s", not, notes)
		}
	}
	checkConfig(t, all)
}

// checkConfig runs the sensor's own check over the configuration that was rendered.
func checkConfig(t *testing.T, all map[string]any) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "saker.yaml")
	if err := os.WriteFile(file, []byte(all["ConfigMap saker"].(*corev1.ConfigMap).Data["saker.yaml"]), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "run", "-C", "../..", "./cmd/sensor", "config", "check", file).CombinedOutput(); err != nil {
		t.Errorf("the sensor refuses the configuration: %v\n%s", err, out)
	}
}

// TestAnyValues: no value that Helm takes stops an upgrade: every section may be null, and unknown ones may hold anything.
func TestAnyValues(t *testing.T) {
	text, err := os.ReadFile("../../deploy/helm/saker/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defaults, err := chartutil.ReadValues(text)
	if err != nil {
		t.Fatal(err)
	}
	var cases []string
	var nulls func(prefix string, values map[string]any)
	nulls = func(prefix string, values map[string]any) {
		for key, v := range values {
			cases = append(cases, prefix+key+": null"+strings.Repeat("}", strings.Count(prefix, "{")))
			if m, ok := v.(map[string]any); ok {
				nulls(prefix+key+": {", m)
			}
		}
	}
	nulls("", defaults)
	rows, err := os.ReadFile("../../deploy/helm/saker/files/renamed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var renamed []struct{ Key, Now, Kind, Why string }
	if err := strict.Unmarshal(rows, &renamed); err != nil {
		t.Fatal(err)
	}
	for _, r := range renamed {
		if (r.Now == "") == (r.Why == "") || (r.Now == "") != (r.Kind == "") {
			t.Errorf("a row of renamed.yaml is not whole: %+v", r)
		}
		parts := strings.Split(r.Key, ".")
		for _, v := range []string{"null", "text", "{a: {b: c}}"} {
			if r.Kind == "map" && v[0] == '{' || r.Key == "falco.webserver.k8s_audit_endpoint" || parts[0] == "falcosidekick" ||
				len(parts) > 1 && parts[0] != "falco" && !strings.HasPrefix(v, "{") {
				continue
			}
			cases = append(cases, strings.Join(parts, ": {")+": "+v+strings.Repeat("}", len(parts)-1))
		}
	}
	for _, values := range append(cases,
		"whatever: {a: [1, {b: null}]}", "falco: {whatever: [1], webserver: {whatEver: {a: b}}}", "customRules: []",
		"serviceMonitor: {create: true}",
		"falco: {rules_file: /etc/falco/a.yaml, rules_files: [/b]}", "falco: {webserver: {enabled: \"false\"}}",
		"falco: {http_output: null, grpc: null}",
		"image: {tag: 0.35}", "controller: {daemonset: {updateStrategy: {type: OnDelete}}}", "extra: {env: {}}", "extraArgs: null",
	) {
		manifest, _, err := render(t, values)
		if err != nil {
			t.Errorf("%s: %v", values, err)
			continue
		}
		if spec := daemonSet(t, manifest).Spec.Template.Spec; len(spec.Containers) != 1 {
			t.Errorf("%s: %d containers", values, len(spec.Containers))
		}
	}
}
