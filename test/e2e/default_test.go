package e2e

import (
	"os/exec"
	"strings"
	"testing"
)

// TestDefaultRules is the README's first example: no rule file, a shell on a terminal in a container, started with the
// runtime's own command.
func TestDefaultRules(t *testing.T) {
	l := newLab(t, "k8s.io")
	s := startSensor(t, "-o", l.socket())
	ctr := []string{"ctr", "-a", l.Socket, "-n", "k8s.io", "run", "-t", "--rm",
		"--label", "io.kubernetes.pod.name=shop-1", "--label", "io.kubernetes.pod.namespace=checkout", "--label",
		"io.kubernetes.container.name=shop",
		l.image, "shop", "/bin/sh", "-c", "true"}
	// script gives it a terminal.
	if out, err := exec.Command("script", "-qec", strings.Join(ctr, " "), "/dev/null").CombinedOutput(); err != nil {
		t.Fatalf("run a container: %v\n%s", err, out)
	}
	a := s.Next("the shell", func(a *alert) bool { return a.Rule == "Terminal shell in a container" })
	want := "Notice Shell with a terminal in a container (command=sh -c true parent=containerd-shim terminal=" + a.Field("proc.tty") +
		" user=root uid=0 container=shop image=registry.example.org/team/shop pod=shop-1 namespace=checkout)"
	if !strings.Contains(a.Output, want) {
		t.Errorf("output\n%s\nlacks\n%s", a.Output, want)
	}
	if a.Field("proc.tty") == "0" {
		t.Error("no terminal")
	}
	s.Stop()
}
