package state

import "strings"

// maxPath is how long a path may be; a longer one shows tooLong.
const (
	maxPath = 1024
	tooLong = "/DIR_TOO_LONG/FILENAME_TOO_LONG"
)

// join makes a path absolute by text alone, as Falco does: from a directory that ends with a slash, unless it is absolute itself.
func join(dir, path string) string {
	if len(dir)+len(path)+1 > maxPath {
		return tooLong
	}
	if path == "" || path[0] == '/' {
		dir = ""
	}
	return string(appendPath(make([]byte, 0, len(dir)+len(path)), dir, path))
}

// appendPath appends dir and path without their "." and ".." parts; dst has to be empty.
func appendPath(dst []byte, dir, path string) []byte {
	dst = append(dst, dir...)
	for i := 0; i < len(path); {
		rest := path[i:]
		start := len(dst) == 0 || dst[len(dst)-1] == '/'
		switch {
		case start && strings.HasPrefix(rest, "../"):
			dst = parentOf(dst)
			i += 3
		case start && rest == "..":
			dst = parentOf(dst)
			i += 2
		case start && strings.HasPrefix(rest, "./"):
			i += 2
		case start && rest == ".":
			i++
		case rest[0] == '/' && start && (len(dst) > 0 || dir != ""):
			i++
		default:
			dst = append(dst, rest[0])
			i++
		}
	}
	if len(dst) > 1 && dst[len(dst)-1] == '/' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// parentOf cuts the last part of a path that ends with a slash; that of the root is the root.
func parentOf(dst []byte) []byte {
	if len(dst) <= 1 {
		return dst
	}
	n := len(dst) - 1
	for n >= 1 && dst[n-1] != '/' {
		n--
	}
	return dst[:n]
}

// withSlash ends a directory with a slash.
func withSlash(dir string) string {
	if strings.HasSuffix(dir, "/") {
		return dir
	}
	return dir + "/"
}

// unknownDir is what a directory descriptor that is not known stands for.
const unknownDir = "<UNKNOWN>"

// dir is the directory that a path starts from, with a slash at its end: "." for an absolute one.
func (n *now) dir(path string, fd int64) string {
	switch {
	case strings.HasPrefix(path, "/"):
		return "."
	case n.thread == nil:
		return unknownDir
	case fd == atCWD:
		return n.thread.cwd()
	}
	d := n.thread.find(fd)
	if d == nil {
		return unknownDir
	}
	if d.name == "" {
		return ""
	}
	return withSlash(d.name)
}

// atCWD is the directory descriptor that stands for the working directory.
const atCWD = -100
