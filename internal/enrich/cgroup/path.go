package cgroup

import "strings"

// SpecPaths says where a container's cgroup lies, from the OCI spec's linux.cgroupsPath. An absolute path starts
// with a slash; one without is relative to a cgroup that only the runtime knows. There are two for the systemd form
// "slice:prefix:name", because a runtime that does not use the systemd driver takes it for a plain name.
func SpecPaths(cgroupsPath, id string) []string {
	if cgroupsPath == "" {
		return []string{id}
	}
	parts := strings.Split(cgroupsPath, ":")
	if len(parts) == 3 && !strings.Contains(cgroupsPath, "/") {
		return []string{systemdPath(parts[0], parts[1], parts[2]), cgroupsPath}
	}
	if p := Clean(cgroupsPath); p != "" && p != "/" {
		return []string{p}
	}
	return nil // the root cgroup, which is everyone's
}

// systemdPath is where systemd puts the unit that runc asks for: a slice "a-b.slice" lies in "a.slice".
func systemdPath(slice, prefix, name string) string {
	unit := name
	if !strings.HasSuffix(name, ".slice") {
		unit = name + ".scope"
		if prefix != "" {
			unit = prefix + "-" + unit
		}
	}
	switch slice {
	case "":
		return "/system.slice/" + unit
	case "-.slice":
		return "/" + unit
	}
	var b strings.Builder
	stem := strings.TrimSuffix(slice, ".slice")
	for i := range len(stem) {
		if stem[i] == '-' {
			b.WriteString("/" + stem[:i] + ".slice")
		}
	}
	b.WriteString("/" + slice + "/" + unit)
	return b.String()
}

// Clean drops empty, "." and ".." parts; ".." never leaves the root, as in runc.
func Clean(path string) string {
	var parts []string
	for name := range Components(path) {
		switch name {
		case ".":
		case "..":
			if len(parts) > 0 {
				parts = parts[:len(parts)-1]
			}
		default:
			parts = append(parts, name)
		}
	}
	clean := strings.Join(parts, "/")
	if strings.HasPrefix(path, "/") {
		return "/" + clean
	}
	return clean
}

// EndsWith tells whether a cgroup path is, or ends with, the place that a runtime named.
func EndsWith(path, place string) bool {
	place = strings.TrimPrefix(place, "/")
	rest, ok := strings.CutSuffix(path, place)
	return ok && place != "" && (rest == "" || strings.HasSuffix(rest, "/"))
}
