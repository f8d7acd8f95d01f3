package e2e

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/testutil"
)

const guide = "testdata/guide_rules.yaml"

// TestGuideRules: the two rules of the practical guide fire on a real container and name it, its image and its pod.
func TestGuideRules(t *testing.T) {
	l := newLab(t, "k8s.io")
	s := startSensor(t, "-r", guide, "-o", l.socket())
	l.Run(t, testutil.ContainerSpec{
		Namespace: "k8s.io", ID: testutil.HexID("guide"), Image: l.image, Labels: testutil.PodLabels("shop-7d4b", "checkout", "shop"),
		Args: []string{"/bin/sh", "-c", "echo x >> /etc/motd; true"},
	})
	shell := s.Next("the shell", func(a *alert) bool { return a.Rule == "Terminal shell in container" })
	write := s.Next("the write", func(a *alert) bool { return a.Rule == "Write below /etc in product namespace" })
	s.Stop()

	want := "Warning Terminal shell in container (user=root container=shop image=registry.example.org/team/shop " +
		"pod=shop-7d4b namespace=checkout cmd=sh -c echo x >> /etc/motd; true)"
	if !strings.Contains(shell.Output, want) {
		t.Errorf("output\n%s\nlacks\n%s", shell.Output, want)
	}
	if diff := cmp.Diff([]string{"container", "mitre_execution", "tty"}, shell.Tags); diff != "" {
		t.Error(diff)
	}
	for field, want := range map[string]string{
		"container.name": "shop", "container.image.repository": "registry.example.org/team/shop", "container.image.tag": "1.4",
		"k8s.pod.name": "shop-7d4b", "k8s.ns.name": "checkout", "container.id": testutil.HexID("guide")[:12],
	} {
		if got := shell.Field(field); got != want {
			t.Errorf("%s = %s, want %s", field, got, want)
		}
	}
	if shell.Priority != "Warning" || write.Priority != "Error" {
		t.Errorf("priorities %s, %s", shell.Priority, write.Priority)
	}
	want = "Error Unexpected write below /etc (namespace=checkout pod=shop-7d4b container=shop file=/etc/motd proc=sh -c echo x >> " +
		"/etc/motd; true)"
	if !strings.Contains(write.Output, want) {
		t.Errorf("output\n%s\nlacks\n%s", write.Output, want)
	}
}

// TestText: without any flag but the rules, an alert is a line of text in Falco's shape.
func TestText(t *testing.T) {
	l := newLab(t, "k8s.io")
	s := launch(t, "-r", guide, "-o", l.socket())
	s.WaitLog("ready")
	l.Run(t, testutil.ContainerSpec{
		Namespace: "k8s.io", ID: testutil.HexID("text"), Image: l.image, Labels: testutil.PodLabels("p", "billing", "c"),
		Args: []string{"/bin/sh", "-c", "true"},
	})
	line := <-s.Lines
	want := regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{9}: Warning Terminal shell in container \(user=root container=c ` +
		`image=registry\.example\.org/team/shop ` +
		`pod=p namespace=billing cmd=sh -c true\) container_id=` + testutil.HexID("text")[:12] + ` container_name=c ` +
		`container_image_repository=registry\.example\.org/team/shop container_image_tag=1\.4 k8s_pod_name=p k8s_ns_name=billing$`)
	if !want.MatchString(line) {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	s.Stop()
}

// TestAlreadyRunning: containers that were there before the sensor are known too.
func TestAlreadyRunning(t *testing.T) {
	l, gate := newLab(t, "default"), newGate(t)
	c := l.Create(t, testutil.ContainerSpec{
		Namespace: "default", ID: "early", Image: l.image, Args: []string{"/bin/sh", "-c", gatedShell}, Options: gate.options(),
	})
	c.Start(t)
	s := startSensor(t, "-r", guide, "-o", l.socket())
	gate.open(t)
	a := s.Next("the inner shell", func(a *alert) bool { return a.Field("container.name") == "early" })
	if a.Field("container.image.repository") != "registry.example.org/team/shop" {
		t.Errorf("no image: %s", a.Output)
	}
	c.Remove(t)
	s.Stop()
}

// TestRestart: while containerd is away its known containers keep their names, and new ones are known once it is back.
func TestRestart(t *testing.T) {
	l, gate := newLab(t, "default"), newGate(t)
	c := l.Create(t, testutil.ContainerSpec{
		Namespace: "default", ID: "before", Image: l.image, Args: []string{"/bin/sh", "-c", gatedShell}, Options: gate.options(),
	})
	s := startSensor(t, "-r", guide, "-o", l.socket())
	c.Start(t)
	s.Next("the first shell", func(a *alert) bool { return a.Field("container.name") == "before" })
	l.Kill(t)
	gate.open(t)
	s.Next("the shell while containerd is down", func(a *alert) bool {
		return a.Field("container.name") == "before" && a.Field("container.image.repository") == "registry.example.org/team/shop"
	})
	l.Start(t)
	l.Run(t, testutil.ContainerSpec{Namespace: "default", ID: "after", Image: l.image, Args: []string{"/bin/sh", "-c", "true"}})
	s.Next("the shell after the restart", func(a *alert) bool {
		return a.Field("container.name") == "after" && a.Field("container.image.repository") == "registry.example.org/team/shop"
	})
	c.Remove(t)
	s.Stop()
}
