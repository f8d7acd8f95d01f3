package decode

import (
	"strings"
	"unsafe"

	"github.com/saker-sensor/saker/internal/bpfgen"
)

// pathBuffer has room for a directory and a name behind it.
type pathBuffer [2 * bpfgen.SensorLimitsPATH_LEN_MAX]byte

// absolute makes a caller's path absolute and normal by its text alone, as Falco's fd.name: dir is what a relative
// path starts from. Symbolic links are not followed. The result aliases name, dir or the buffer.
func absolute(into *pathBuffer, dir, name string) string {
	if strings.HasPrefix(name, "/") {
		if isClean(name) {
			return name
		}
		dir = ""
	} else if !strings.HasPrefix(dir, "/") {
		// It starts nowhere that is known, or from what has no path (a socket): the text itself is the best name.
		return name
	}
	buf := into[:0]
	buf = appendClean(buf, dir)
	buf = appendClean(buf, name)
	if len(buf) == 0 {
		return "/"
	}
	return unsafe.String(&buf[0], len(buf))
}

// isClean tells whether a path has no empty, "." or ".." component and no slash at its end.
func isClean(p string) bool {
	for i := 0; i < len(p); i++ {
		if p[i] != '/' {
			continue
		}
		rest := p[i+1:]
		if rest == "" {
			return p == "/"
		}
		if rest[0] == '/' || rest == "." || rest == ".." || strings.HasPrefix(rest, "./") || strings.HasPrefix(rest, "../") {
			return false
		}
	}
	return true
}

// appendClean appends the components of p to an absolute path without a slash at its end.
func appendClean(buf []byte, p string) []byte {
	for p != "" {
		var part string
		part, p, _ = strings.Cut(p, "/")
		switch part {
		case "", ".":
		case "..":
			i := len(buf) - 1
			for i > 0 && buf[i] != '/' {
				i--
			}
			buf = buf[:max(i, 0)]
		default:
			if len(buf)+1+len(part) > cap(buf) {
				return buf
			}
			buf = append(buf, '/')
			buf = append(buf, part...)
		}
	}
	return buf
}
