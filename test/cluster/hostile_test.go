package cluster

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/saker-sensor/saker/internal/testutil"
	"github.com/saker-sensor/saker/test/cluster/node"
)

const hostileName = "hostile"

// hostileRule shows whatever an image, or who deploys it, can put into an alert.
const hostileRule = `
- rule: Hostile
  desc: d
  condition: evt.type in (execve, execveat) and k8s.ns.name = hostile
  output: >
    exec (pod=%k8s.pod.name cmd=%proc.cmdline exe=%proc.exepath name=%proc.name template=%container.label.template
    lines=%container.label.lines escapes=%container.label.escapes quotes=%container.label.quotes labels=%container.labels
    podlabels=%k8s.pod.labels mounts=%container.mounts live=%container.liveness_probe uid=%k8s.pod.uid)
  priority: NOTICE
`

// Texts that would do harm where they were interpreted.
const (
	templates = "%proc.name %container.image %evt.time {{.}} {{ .Values }} ${HOME} $(id) %s%n"
	lines     = "a\nb\r\n{\"rule\":\"forged\",\"output\":\"forged\",\"priority\":\"Emergency\"}\n"
	escapes   = "\x1b[2J\x1b[31mred\x1b]0;title\x07\x00\x7f\u009b31m\u202e\u2028"
	quotes    = `"},"output_fields":{"k8s.pod.name":"victim"},"x":{"y":"\`
)

// hostileImage has labels of all kinds, some that would name another pod, and more than are kept; a long command and environment; and
// programs with such names.
func hostileImage() (node.Image, error) {
	i, err := node.Busybox(image(hostileName)+":1.4", map[string]string{
		"big": strings.Repeat("x", 1<<20), "template": templates, "lines": lines, "escapes": escapes, "quotes": quotes,
		"key\n" + escapes + quotes + "%proc.name": "value",
		"io.kubernetes.pod.name":                  "victim", "io.kubernetes.pod.namespace": "victim", "io.kubernetes.pod.uid": "victim",
		"io.kubernetes.container.name": "victim", "nerdctl/name": "victim", "io.cri-containerd.kind": "sandbox",
	})
	for n := range 1000 {
		i.Labels[fmt.Sprintf("many-%d", n)] = strings.Repeat("y", 2000)
	}
	i.Env = []string{"BIG=" + strings.Repeat("e", 100<<10), "LINES=" + lines, "ESCAPES=" + strings.ReplaceAll(escapes, "\x00", "")}
	i.Entrypoint = []string{"/bin/sh", "-c", `x='` + strings.Repeat("z", 100<<10) + `'; exec sleep 1000000`}
	i.Links["bin/evil\n\x1b[31m%proc.name"] = "busybox"
	return i, err
}

// hostilePod has annotations of as many bytes as the API server takes, labels of the longest form, a mount and a probe with such texts.
func hostilePod(t *testing.T) string {
	t.Helper()
	labels := map[string]string{"app": hostileName}
	for n := range 500 {
		labels[fmt.Sprintf("%s/%s%03d", strings.Repeat(strings.Repeat("d", 62)+".", 4)+"e", strings.Repeat("l", 60), n)] = strings.Repeat("v", 63)
	}
	annotations := map[string]string{
		"lines": lines, "template": templates, "quotes": quotes, "escapes": strings.ReplaceAll(escapes, "\x00", ""),
		// Where probes are read from: deeper than Go's decoder goes.
		"kubectl.kubernetes.io/last-applied-configuration": strings.Repeat(`{"spec":[`, 12000),
		"big": strings.Repeat("x", 130<<10),
	}
	text, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"name": hostileName, "namespace": hostileName, "labels": labels, "annotations": annotations},
		"spec": map[string]any{
			"automountServiceAccountToken": false, "terminationGracePeriodSeconds": 0,
			"containers": []any{map[string]any{
				"name": "app", "image": image(hostileName) + ":1.4",
				"volumeMounts": []any{map[string]any{"name": "v", "mountPath": "/m\n" + templates + "\x1b[31m" + `"}`}},
				"livenessProbe": map[string]any{
					"exec": map[string]any{"command": []string{"/bin/true", lines, templates, quotes}}, "periodSeconds": 1,
				},
			}},
			"volumes": []any{map[string]any{"name": "v", "emptyDir": map[string]any{}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// testHostile: alerts from a pod whose image and manifest mean it ill name that pod and no other, are a line of JSON each, and show
// texts as they are; what is too much is left out and counted, and the others keep their names.
func (s *strained) testHostile(t *testing.T) {
	const cut = `saker_enrich_lost_total{what="labels_cut"}`
	before, memory := s.metric(t, cut), s.resident(t)
	t.Cleanup(func() { s.kubectl(t, "", "delete", "namespace", hostileName, "--wait=false") })
	s.kubectl(t, "", "create", "namespace", hostileName)
	s.waitFor(t, "the namespace has its service account", func() (bool, string) {
		out, err := s.Kubectl("", "-n", hostileName, "get", "serviceaccount", "default")
		return err == nil, out
	})
	// As it is: kubectl would write an annotation of its own over one.
	s.kubectl(t, hostilePod(t), "create", "--raw", "/api/v1/namespaces/"+hostileName+"/pods?fieldValidation=Strict", "-f", "-")
	s.kubectl(t, "", "-n", hostileName, "wait", "--for=condition=Ready", "pod/"+hostileName, "--timeout=120s")
	s.kubectl(t, "", "-n", hostileName, "exec", hostileName, "--", "sh", "-c",
		"'/bin/evil\n\x1b[31m%proc.name' true \"$(printf '\\377\\033]0;x\\007')\" '"+quotes+templates+lines+
			"'; true") // busybox has no applet of that name

	evil := s.waitSensorAlert(t, "the program with the evil name is told", func(a sensorAlert) bool {
		return mine(a) && strings.HasPrefix(a.field("proc.name"), "evil")
	})
	s.waitSensorAlert(t, "the entry point is told",
		func(a sensorAlert) bool { return mine(a) && strings.Contains(a.field("proc.cmdline"), "zzzz") })
	s.waitSensorAlert(t, "the probe is told", func(a sensorAlert) bool {
		return mine(a) && strings.HasPrefix(a.field("proc.cmdline"),
			"true ")
	})
	for _, a := range s.f.seen() {
		if !mine(a) {
			continue
		}
		if a.field("k8s.pod.name") != hostileName || strings.Contains(a.field("k8s.pod.uid"), "victim") ||
			a.field("container.image.repository") != image(hostileName) && a.field("container.name") == "app" {
			t.Errorf("an alert of another pod: %.2000s", a.line)
		}
	}
	s.check(t, evil.alert, map[string]string{
		"container.name": "app", "container.label.template": templates, "container.label.lines": lines, "container.label.quotes": quotes,
	})
	if !strings.Contains(evil.Output, "template="+templates) {
		t.Errorf("the template in the output is not what it was: %.3000s", evil.Output)
	}
	if now := s.metric(t, cut); now <= before {
		t.Errorf("%v labels were left out, %v before", now, before)
	}
	s.plainHostile(t)
	for _, a := range s.f.seen() {
		if i := strings.IndexFunc(a.line, func(r rune) bool {
			return unicode.IsControl(r) ||
				unicode.Is(unicode.Bidi_Control, r) && r > 0x200f
		}); i >= 0 {
			t.Errorf("a line of an alert has a character that steers terminals: %.40q", a.line[i:])
		}
	}
	s.named(t, "billing")
	now := s.resident(t)
	t.Logf("%.1f MB resident, %.1f MB before; %v labels left out; %d bytes of an alert", now, memory, s.metric(t, cut)-before, len(evil.line))
	if now > 100 {
		t.Errorf("the sensor has %.1f MB resident, %.1f MB before", now, memory)
	}
}

func mine(a sensorAlert) bool { return a.Rule == "Hostile" }

// plainHostile runs containers that no kubelet would: whoever reaches the runtime's socket sets any label.
func (s *strained) plainHostile(t *testing.T) {
	l := testutil.UseContainerd(t, node.ContainerdSocket, node.Cgroup)
	spec := testutil.ContainerSpec{
		Namespace: "k8s.io", ID: testutil.HexID("plain"), Image: image("other") + ":1.4", Args: []string{"/bin/sh", "-c", "true plain"},
		Labels: map[string]string{
			"io.kubernetes.pod.name": lines + templates, "io.kubernetes.pod.namespace": hostileName, "io.kubernetes.pod.uid": escapes,
			"io.kubernetes.container.name": quotes,
		},
	}
	for n := range 1000 {
		spec.Labels[fmt.Sprintf("many-%d", n)] = strings.Repeat("y", 2000)
	}
	l.Run(t, spec)
	plain := s.waitSensorAlert(t, "the container without a kubelet is told",
		func(a sensorAlert) bool { return mine(a) && a.field("proc.cmdline") == "sh -c true plain" })
	s.check(t, plain.alert, map[string]string{"k8s.pod.name": lines + templates, "k8s.pod.uid": escapes, "container.name": quotes})
	spec.ID, spec.Labels = testutil.HexID("broken"), map[string]string{"io.kubernetes.pod.name": "\xff\xfe"}
	if l.TryRun(spec) {
		t.Error("containerd takes labels of broken UTF-8: test what becomes of them")
	}
}
