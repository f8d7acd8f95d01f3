package field

import (
	"encoding/base64"
	"strings"
)

// The functions of rules and templates. They work on bytes; a function that reports false makes the value missing.

// Lower is tolower: ASCII letters only.
func Lower(s string) string {
	return mapASCII(s, 'A', 'Z', 'a'-'A')
}

// Upper is toupper: ASCII letters only.
func Upper(s string) string {
	return mapASCII(s, 'a', 'z', 256-('a'-'A'))
}

// mapASCII adds a distance, modulo 256, to the bytes from lo to hi.
func mapASCII(s string, lo, hi byte, add int) string {
	for i := range len(s) {
		if s[i] < lo || s[i] > hi {
			continue
		}
		b := []byte(s)
		for ; i < len(b); i++ {
			if b[i] >= lo && b[i] <= hi {
				b[i] += byte(add)
			}
		}
		return string(b)
	}
	return s
}

// Base64 is b64: it decodes; padding may be left out.
func Base64(s string) (string, bool) {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	return string(b), err == nil
}

// Basename is what follows the last slash, empty if nothing does.
func Basename(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }

// Getopt is getopt: the short options of a command line, each as its letter, followed by its value if it takes one.
func Getopt(args []Value, spec string) []string {
	var found []string
	eachOption(args, spec, func(letter, value string, takes bool) {
		found = append(found, letter)
		if takes {
			found = append(found, value)
		}
	})
	return found
}

// GetoptOne is getopt with a selector: the last value of one option, its letter if it takes none, and false if the
// option is not there.
func GetoptOne(args []Value, spec, selector string) (found string, ok bool) {
	eachOption(args, spec, func(letter, value string, takes bool) {
		if letter != selector {
			return
		}
		if found, ok = letter, true; takes {
			found = value
		}
	})
	return found, ok
}

// eachOption walks over the options as getopt(3) does with POSIXLY_CORRECT, but skips words that start with "--". An
// option that spec lacks is "?", one whose value is missing has an empty one; in spec "::" means a value in the same
// word only.
func eachOption(args []Value, spec string, give func(letter, value string, takes bool)) {
	spec = strings.TrimPrefix(spec, ":")
	for i := 0; i < len(args); i++ {
		word := args[i].Str
		switch {
		case word == "--" || len(word) < 2 || word[0] != '-':
			return
		case word[1] == '-':
			continue
		}
		for j := 1; j < len(word); j++ {
			letter := word[j : j+1]
			at := strings.Index(spec, letter)
			if at < 0 || letter == ":" {
				give("?", "", false)
				continue
			}
			takes := spec[at+1:]
			if !strings.HasPrefix(takes, ":") {
				give(letter, "", false)
				continue
			}
			value := word[j+1:]
			if value == "" && !strings.HasPrefix(takes, "::") && i+1 < len(args) {
				i++
				value = args[i].Str
			}
			give(letter, value, true)
			break
		}
	}
}
