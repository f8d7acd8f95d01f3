package enrich

import "strings"

// idLength is the number of hexadecimal digits of a container id of Docker, CRI and Podman.
const idLength = 64

// The runtimes' names in Falco's words.
const (
	runtimeContainerd = "containerd"
	runtimeDocker     = "docker"
	runtimeCRIO       = "cri-o"
	runtimePodman     = "podman"
)

// namePrefixes are the prefixes that runtimes put before the id in a cgroup's name, with or without ".scope" behind.
var namePrefixes = []struct{ prefix, runtime string }{
	{"cri-containerd-", runtimeContainerd},
	{"nerdctl-", runtimeContainerd},
	{"docker-", runtimeDocker},
	{"crio-", runtimeCRIO},
	{"libpod-payload-", runtimePodman},
	{"libpod-", runtimePodman},
}

// colonNames are the middle parts of a systemd cgroup path ("slice:prefix:id") that a runtime without the systemd
// driver took for a plain name.
var colonNames = []struct{ part, runtime string }{
	{":cri-containerd:", runtimeContainerd},
	{":nerdctl:", runtimeContainerd},
	{":docker:", runtimeDocker},
	{":crio:", runtimeCRIO},
	{":libpod:", runtimePodman},
}

// ParsePath finds the container in a cgroup's path by the forms that runtimes give to it. The path starts at the
// hierarchy's root. Of nested containers it names the innermost. A cgroup below a container's counts as the
// container's. A name that merely looks like an id is not enough: it has to stand where a runtime puts it.
func ParsePath(path string) (id, runtime string, ok bool) {
	for c := range claims(path) {
		id, runtime, ok = c.id, c.runtime, true
	}
	return id, runtime, ok
}

// claim is a part of a cgroup path that has the form of a container's cgroup.
type claim struct {
	// path is the cgroup path up to and with the container's own name.
	path        string
	id, runtime string
}

// claims walks over the containers that a path's form names, the outermost first.
func claims(path string) func(yield func(claim) bool) {
	return func(yield func(claim) bool) {
		parent, kubepods, depth, ecs := "", false, 0, false
		for name, end := range components(path) {
			id, runtime, ok := parseName(name)
			if !ok && isID(name) {
				switch {
				case parent == "docker":
					id, runtime, ok = name, runtimeDocker, true
				case kubepods && isPod(parent):
					id, runtime, ok = name, runtimeContainerd, true
				case ecs && depth > 1: // Amazon's agent: /ecs/TASK/ID, or /ecs/CLUSTER/TASK/ID
					id, runtime, ok = name, runtimeDocker, true
				}
			}
			if ok && !yield(claim{path: path[:end], id: id, runtime: runtime}) {
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

// outermost is the first container that a path's form names.
func outermost(path string) (claim, bool) {
	for c := range claims(path) {
		return c, true
	}
	return claim{}, false
}

// components walks over the names of a path; end is the index behind each.
func components(path string) func(yield func(name string, end int) bool) {
	return func(yield func(string, int) bool) {
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
		if rest, found := strings.CutPrefix(bare, p.prefix); found && isID(rest) {
			return rest, p.runtime, true
		}
	}
	if len(name) > idLength && isID(name[len(name)-idLength:]) {
		for _, c := range colonNames {
			if strings.HasSuffix(name[:len(name)-idLength], c.part) {
				return name[len(name)-idLength:], c.runtime, true
			}
		}
	}
	return "", "", false
}

// isID tells whether a name is a container id: 64 lower-case hexadecimal digits.
func isID(s string) bool {
	if len(s) != idLength {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// baseName is the last component of a path.
func baseName(path string) string {
	return path[strings.LastIndexByte(path, '/')+1:]
}
