package filter

import (
	"path"
	"strings"
)

// Normal tells whether a name is absolute and in its normal form. Of other names the parts say nothing.
func Normal(name string) bool {
	if !strings.HasPrefix(name, "/") {
		return false
	}
	for c := range strings.SplitSeq(strings.TrimSuffix(name[1:], "/"), "/") {
		if c == "." || strings.HasSuffix(c, "..") || c == "" && name != "/" {
			return false
		}
	}
	return true
}

// Fits tells whether a normal name has the part.
func (p NamePart) Fits(name string) bool {
	name, text := strings.Trim(name, "/"), strings.Trim(p.Text, "/")
	first, _, _ := strings.Cut(name, "/")
	last := path.Base("/" + name)
	switch p.Kind {
	case NameWhole:
		return name == text
	case NameDirectory:
		return name != "" && strings.Trim(path.Dir("/"+name), "/") == text
	case NameLast:
		return name != "" && last == text
	case NameComponent:
		return strings.Contains("/"+name+"/", "/"+text+"/")
	case NameTail:
		return strings.HasSuffix(last, p.Text)
	case NameBelow:
		return text == "" || name == text || strings.HasPrefix(name, text+"/")
	}
	return name != "" && strings.HasPrefix(first, text) && (len(text) == headBytes || first == text)
}
