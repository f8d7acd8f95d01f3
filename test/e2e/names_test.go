package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/pkg/oci"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/saker-sensor/saker/internal/testutil"
)

const nameRules = `
- rule: opened
  desc: d
  condition: evt.type in (open, openat) and fd.name in (/bin/busybox, /jail/secret, HOSTDIR/secret)
  output: "%container.id %fd.name %fd.name.given %fd.name.resolved %fd.name.source %fd.name.watched %fd.name.matched"
  priority: NOTICE
`

// TestOtherNamesInContainer: in a container a rule sees a file of the host's by its name there, one in a chroot by its name in
// the container, and a hard link to a file that it names.
func TestOtherNamesInContainer(t *testing.T) {
	l := newLab(t, "default")
	host, err := filepath.EvalSymlinks(t.TempDir())
	if err == nil {
		err = os.WriteFile(host+"/secret", nil, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	rules := testutil.RulesFile(t, strings.ReplaceAll(nameRules, "HOSTDIR", host))
	s := startSensor(t, "-r", rules, "-o", l.socket())
	// The files of a container are looked up when it is first seen, in the background: the link is opened until then.
	const script = "cat /data/secret; mkdir /jail; cp /bin/busybox /jail; echo >/jail/secret.new; mv /jail/secret.new /jail/secret; " +
		"chroot /jail /busybox cat /secret; ln /bin/busybox /other; while cat /other >/dev/null; do :; done"
	c := l.Create(t, testutil.ContainerSpec{
		Namespace: "default", ID: "names", Image: l.image, Args: []string{"/bin/sh", "-c", script},
		Options: []oci.SpecOpts{oci.WithMounts([]specs.Mount{{Type: "bind", Source: host, Destination: "/data", Options: []string{"rbind"}}})},
	})
	c.Start(t)
	for _, tt := range []struct{ name, given, matched string }{
		{host + "/secret", "/data/secret", "source"},
		{"/jail/secret", "/secret", "source"},
		{"/bin/busybox", "/other", "watched"},
	} {
		a := s.Next(tt.given, func(a *alert) bool { return a.Field("fd.name.given") == tt.given })
		if a.Field("fd.name") != tt.name || a.Field("fd.name.matched") != tt.matched || a.Field("container.id") != "names" {
			t.Errorf("%s: %v", tt.given, a.OutputFields)
		}
	}
	c.Remove(t)
	s.Stop()
}
