package enrich

import (
	"os"
	"path"
	"slices"
)

// host says where the host's files are seen from here. Deployments differ in what they mount: all of the host's root, or
// only its /proc; then the root of its first process does as well, for a privileged sensor.
type host struct {
	// mounted is where the host's root, or parts of it, are mounted; "/" on the host itself.
	mounted string
	// proc is the host's /proc, root a directory that has all of the host's files.
	proc, root string
}

func findHost(hostRoot string) host {
	h := host{mounted: hostRoot, proc: "/proc", root: "/"}
	if hostRoot == "" || hostRoot == "/" {
		h.mounted = "/"
		return h
	}
	if exists(path.Join(hostRoot, "proc/1")) {
		h.proc = path.Join(hostRoot, "proc")
	}
	h.root = hostRoot
	if !exists(path.Join(hostRoot, "etc")) {
		h.root = path.Join(h.proc, "1/root")
	}
	return h
}

// places are the names that a file of the host may have here, the likeliest first. Its folder may also be mounted where
// it is on the host.
func (h host) paths(name string) []string {
	return slices.Compact([]string{path.Join(h.mounted, name), path.Join(h.root, name), name})
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
