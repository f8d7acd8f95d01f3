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

// Getopt is getopt: the short options of a command line, each as its letter, followed by its value if it takes one. An
// option that spec lacks is "?"; one whose value is missing is an empty text alone.
func Getopt(args []Value, spec string) []string {
	var found []string
	eachOption(args, spec, func(o option) {
		switch {
		case o.missing:
			found = append(found, "")
		case o.takes:
			found = append(found, o.letter, o.value)
		case o.known:
			found = append(found, o.letter)
		default:
			found = append(found, "?")
		}
	})
	return found
}

// GetoptOne is getopt with a selector: the last value of one option, empty if it is missing, or its letter if it takes
// none; false if the option is not there.
func GetoptOne(args []Value, spec, selector string) (found string, ok bool) {
	eachOption(args, spec, func(o option) {
		if !o.known || o.letter != selector {
			return
		}
		if found, ok = o.letter, true; o.takes {
			found = o.value
		}
	})
	return found, ok
}

// option is an option of a command line. Its value is empty where it is missing.
type option struct {
	letter, value         string
	known, takes, missing bool
}

// eachOption walks over the options as getopt(3) does with POSIXLY_CORRECT, but skips words that start with "--". In spec
// a letter takes a value if a colon stands behind it, anywhere it is named; other colons mean nothing.
func eachOption(args []Value, spec string, give func(option)) {
	known, takes := optionLetters(spec)
	for i := 0; i < len(args); i++ {
		word := args[i].Str
		switch {
		case word == "--" || len(word) < 2 || word[0] != '-':
			return
		case word[1] == '-':
			continue
		}
		for j := 1; j < len(word); j++ {
			o := option{letter: word[j : j+1], known: known[word[j]], takes: takes[word[j]]}
			if !o.takes {
				give(o)
				continue
			}
			switch {
			case j+1 < len(word):
				o.value = word[j+1:]
			case i+1 < len(args):
				i++
				o.value = args[i].Str
			default:
				o.missing = true
			}
			give(o)
			break
		}
	}
}

// optionLetters reads the text that says which options there are.
func optionLetters(spec string) (known, takes [256]bool) {
	for i := range len(spec) {
		switch {
		case spec[i] != ':':
			known[spec[i]] = true
		case i > 0 && spec[i-1] != ':':
			takes[spec[i-1]] = true
		}
	}
	return known, takes
}
