package runtimes

import (
	"testing"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/google/go-cmp/cmp"
)

func TestOverlayDirs(t *testing.T) {
	overlay := []mount.Mount{{Type: "overlay", Source: "overlay", Options: []string{"workdir=/w", "upperdir=/u", "lowerdir=/l1:/l2"}}}
	for _, c := range []struct {
		name   string
		mounts []mount.Mount
		want   []string
	}{
		{"overlay", overlay, []string{"/host/u", "/host/l1", "/host/l2"}},
		{"bind", []mount.Mount{{Type: "bind", Source: "/x", Options: []string{"rbind"}}}, []string{"/host/x"}},
		{"another", []mount.Mount{{Type: "erofs", Source: "/x"}}, nil},
		{"several", append(overlay, overlay...), nil},
		{"none", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, overlayDirs(c.mounts, "/host")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
