package enrich

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFindHost(t *testing.T) {
	whole, procOnly, nothing := t.TempDir(), t.TempDir(), t.TempDir()
	write(t, whole, "proc/1/cgroup", "")
	write(t, whole, "etc/passwd", "")
	write(t, procOnly, "proc/1/cgroup", "")
	for _, c := range []struct {
		name, root string
		want       host
		places     []string
	}{
		{"on the host", "", host{"/", "/proc", "/"}, []string{"/run/c"}},
		{"slash", "/", host{"/", "/proc", "/"}, []string{"/run/c"}},
		{"all of it", whole, host{whole, whole + "/proc", whole}, []string{whole + "/run/c", "/run/c"}},
		{
			"proc alone", procOnly, host{procOnly, procOnly + "/proc", procOnly + "/proc/1/root"},
			[]string{procOnly + "/run/c", procOnly + "/proc/1/root/run/c", "/run/c"},
		},
		{
			"nothing, but the host's pids", nothing, host{nothing, "/proc", "/proc/1/root"},
			[]string{nothing + "/run/c", "/proc/1/root/run/c", "/run/c"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := findHost(c.root)
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			if diff := cmp.Diff(c.places, got.paths(filepath.Join("/run", "c"))); diff != "" {
				t.Error(diff)
			}
		})
	}
}
