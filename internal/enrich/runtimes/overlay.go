package runtimes

import (
	"path"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
)

// overlayDirs are the directories of a snapshot's mounts, the uppermost first; nil if the mounts are neither one overlay nor one
// bind mount. hostRoot goes before the paths, which are the host's.
func overlayDirs(mounts []mount.Mount, hostRoot string) []string {
	if len(mounts) != 1 {
		return nil
	}
	m := mounts[0]
	if m.Type != "overlay" {
		if m.Type != "bind" {
			return nil
		}
		return []string{path.Join(hostRoot, m.Source)}
	}
	var upper, lower []string
	for _, option := range m.Options {
		if dir, ok := strings.CutPrefix(option, "upperdir="); ok {
			upper = append(upper, path.Join(hostRoot, dir))
		}
		if dirs, ok := strings.CutPrefix(option, "lowerdir="); ok {
			for dir := range strings.SplitSeq(dirs, ":") {
				lower = append(lower, path.Join(hostRoot, dir))
			}
		}
	}
	return append(upper, lower...)
}
