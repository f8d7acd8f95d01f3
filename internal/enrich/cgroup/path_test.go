package cgroup

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSpecPaths(t *testing.T) {
	for _, c := range []struct {
		name, cgroupsPath string
		want              []string
	}{
		{"containerd's default", "/default/web", []string{"/default/web"}},
		{"kubernetes, systemd", "kubepods-besteffort-pod1_2.slice:cri-containerd:" + idA, []string{
			"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1_2.slice/cri-containerd-" + idA + ".scope",
			"kubepods-besteffort-pod1_2.slice:cri-containerd:" + idA,
		}},
		{"systemd, no slice", ":docker:" + idA, []string{"/system.slice/docker-" + idA + ".scope", ":docker:" + idA}},
		{"systemd, root slice", "-.slice:a:b", []string{"/a-b.scope", "-.slice:a:b"}},
		{"systemd, no prefix", "x.slice::web", []string{"/x.slice/web.scope", "x.slice::web"}},
		{"systemd, a slice", "x.slice:a:y.slice", []string{"/x.slice/y.slice", "x.slice:a:y.slice"}},
		{"empty", "", []string{"id"}},
		{"relative", "a/b", []string{"a/b"}},
		{"unclean", "/a/../../b//./c/", []string{"/b/c"}},
		{"the root", "/", nil},
		{"nothing but dots", "../.", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, SpecPaths(c.cgroupsPath, "id")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEndsWith(t *testing.T) {
	for _, c := range []struct {
		path, place string
		want        bool
	}{
		{"/a/b/c", "/b/c", true}, {"/a/b/c", "b/c", true}, {"/a/b/c", "/a/b/c", true}, {"/a/bb/c", "b/c", false},
		{"/a", "", false}, {"/a", "/", false}, {"/a", "/x/a", false},
	} {
		if got := EndsWith(c.path, c.place); got != c.want {
			t.Errorf("EndsWith(%q, %q) = %v", c.path, c.place, got)
		}
	}
}
