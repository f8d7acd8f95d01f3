package config

import (
	"errors"
	"strings"
)

// maxExpanded bounds a text after expansion, in bytes, and the variables in it: one that names itself has no end.
const (
	maxExpanded   = 1 << 20
	maxExpansions = 1000
)

// expand puts the environment's values where ${NAME} stands; $${NAME} stands for ${NAME}. The rules are those of Falco
// (yaml_helper.h): what is unset is empty; a value may hold variables itself; a $ that begins neither form ends the
// expansion, and so does a form without its brace.
func expand(s string, getenv func(string) string) (out string, changed bool, err error) {
	at := strings.IndexByte(s, '$')
	for n := 0; at >= 0; n++ {
		if n > maxExpansions || len(s) > maxExpanded {
			return "", false, errors.New("the variables in this value have no end; does one name itself?")
		}
		end := strings.IndexByte(s[at:], '}')
		switch {
		case end >= 0 && strings.HasPrefix(s[at:], "${"):
			s = s[:at] + getenv(s[at+2:at+end]) + s[at+end+1:]
		case end >= 0 && strings.HasPrefix(s[at:], "$${"):
			s = s[:at] + s[at+1:]
			at++
		default:
			return s, changed, nil
		}
		changed = true
		next := strings.IndexByte(s[at:], '$')
		if next < 0 {
			break
		}
		at += next
	}
	return s, changed, nil
}
