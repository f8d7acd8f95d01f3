// Package cgroup knows the paths of control groups: the forms that container runtimes give them, and the hierarchy in which the
// sensor looks them up. A path starts with a slash at the root of its hierarchy.
package cgroup

import (
	"iter"
	"strings"
)

// IDLength is the number of hexadecimal digits of a container id of Docker, CRI and Podman.
const IDLength = 64

// The runtimes' names in Falco's words.
const (
	Containerd = "containerd"
	Docker     = "docker"
	CRIO       = "cri-o"
	Podman     = "podman"
)

// namePrefixes are the prefixes that runtimes put before the id in a cgroup's name, with or without ".scope" behind.
var namePrefixes = []struct{ prefix, runtime string }{
	{"cri-containerd-", Containerd},
	{"nerdctl-", Containerd},
	{"docker-", Docker},
	{"crio-", CRIO},
	{"libpod-payload-", Podman},
	{"libpod-", Podman},
}

// colonNames are the middle parts of a systemd cgroup path ("slice:prefix:id") that a runtime without the systemd
// driver took for a plain name.
var colonNames = []struct{ part, runtime string }{
	{":cri-containerd:", Containerd},
	{":nerdctl:", Containerd},
	{":docker:", Docker},
	{":crio:", CRIO},
	{":libpod:", Podman},
}

// Parse finds the container in a cgroup's path by the forms that runtimes give to it. The path starts at the
// hierarchy's root. Of nested containers it names the innermost. A cgroup below a container's counts as the
// container's. A name that merely looks like an id is not enough: it has to stand where a runtime puts it.
func Parse(path string) (id, runtime string, ok bool) {
	for i, r := range containers(path) {
		id, runtime, ok = i, r, true
	}
	return id, runtime, ok
}

// Outermost is the id of the first container that a path's form names.
func Outermost(path string) (id string, ok bool) {
	for id := range containers(path) {
		return id, true
	}
	return "", false
}

// containers iterates over the containers that a path's form names, the outermost first.
func containers(path string) iter.Seq2[string, string] {
	return func(yield func(id, runtime string) bool) {
		parent, kubepods, depth, ecs := "", false, 0, false
		for name := range Components(path) {
			id, runtime, ok := parseName(name)
			if !ok && IsID(name) {
				switch {
				case parent == "docker":
					id, runtime, ok = name, Docker, true
				case kubepods && isPod(parent):
					id, runtime, ok = name, Containerd, true
				case ecs && depth > 1: // Amazon's agent: /ecs/TASK/ID, or /ecs/CLUSTER/TASK/ID
					id, runtime, ok = name, Docker, true
				}
			}
			if ok && !yield(id, runtime) {
				return
			}
			// Below a container's cgroup the search for a kubelet's begins anew.
			kubepods = !ok && (kubepods || isKubepods(name))
			ecs = !ok && (ecs || depth == 0 && name == "ecs")
			parent = name
			depth++
		}
	}
}

// isKubepods recognises the root of a kubelet's cgroups; a kubelet with a cgroup root of its own puts that before.
func isKubepods(name string) bool {
	return name == "kubepods" || name == "kubepods.slice" || strings.HasSuffix(name, "-kubepods.slice")
}

// isPod recognises a pod's cgroup: pod<uid>, or with systemd kubepods-…-pod<uid>.slice.
func isPod(name string) bool {
	return strings.HasPrefix(name, "pod") || strings.Contains(name, "-pod") && strings.HasSuffix(name, ".slice")
}

// Components iterates over the names of a path, each with the index behind it.
func Components(path string) iter.Seq2[string, int] {
	return func(yield func(name string, end int) bool) {
		for start := 0; start < len(path); {
			end := strings.IndexByte(path[start:], '/')
			if end < 0 {
				end = len(path)
			} else {
				end += start
			}
			if end > start && !yield(path[start:end], end) {
				return
			}
			start = end + 1
		}
	}
}

// parseName recognises names that show the runtime by themselves.
func parseName(name string) (id, runtime string, ok bool) {
	bare := strings.TrimSuffix(name, ".scope")
	for _, p := range namePrefixes {
		if rest, found := strings.CutPrefix(bare, p.prefix); found && IsID(rest) {
			return rest, p.runtime, true
		}
	}
	if len(name) > IDLength && IsID(name[len(name)-IDLength:]) {
		for _, c := range colonNames {
			if strings.HasSuffix(name[:len(name)-IDLength], c.part) {
				return name[len(name)-IDLength:], c.runtime, true
			}
		}
	}
	return "", "", false
}

// IsID tells whether a name is a container id: 64 lower-case hexadecimal digits.
func IsID(s string) bool {
	if len(s) != IDLength {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Base is the last component of a path.
func Base(path string) string {
	return path[strings.LastIndexByte(path, '/')+1:]
}
