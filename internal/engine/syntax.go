package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/suggest"
)

// syntaxMessage says what is wrong with a condition's text in Falco's words, where it has some, with the parser's own
// as a hint, and names the operator or word that a misspelt one stands for.
func syntaxMessage(t string, pe *filter.ParseError) (message, hint string) {
	message, hint = pe.Msg, ""
	switch {
	case strings.HasPrefix(pe.Msg, "expected 'and', 'or'"):
		if before := wordBefore(t, pe.Pos.Offset); before != "" {
			message, hint = fmt.Sprintf("unexpected token after '%s', expecting 'or', 'and'", before), pe.Msg
		}
	case strings.HasPrefix(pe.Msg, "unknown transformer"):
		message, hint = fmt.Sprintf("unexpected token after '%s', expecting 'or', 'and'", wordAt(t, pe.Pos.Offset)), pe.Msg
		return message, hint
	case strings.HasPrefix(pe.Msg, "expected a ')'"):
		message, hint = "expected a ')' token", pe.Msg
	}
	if s := misspeltWord(t, pe); s != "" {
		hint = s
	}
	return message, hint
}

// misspeltWord compares the word where the parser stopped with what may stand there.
func misspeltWord(t string, pe *filter.ParseError) string {
	word := wordAt(t, pe.Pos.Offset)
	if word == "" {
		return ""
	}
	known := []string{"and", "or", "not"}
	if strings.Contains(pe.Msg, "operator") {
		known = append(append(append([]string{"exists"}, textOps...), listOps...), numberOps...)
	}
	if lower := strings.ToLower(word); lower != word && slices.Contains(known, lower) {
		return fmt.Sprintf("write '%s' in lower case", lower)
	}
	return suggest.Hint(word, known)
}

// wordAt is the word that begins at a byte.
func wordAt(t string, off int) string {
	word := t[min(off, len(t)):]
	if i := strings.IndexFunc(word, func(r rune) bool { return r >= 0x80 || !isNameByte(byte(r)) }); i >= 0 {
		word = word[:i]
	}
	return word
}

// wordBefore is the run of bytes that ends before a byte, without the blanks between.
func wordBefore(t string, off int) string {
	t = strings.TrimRight(t[:min(off, len(t))], " \t\r\n")
	if i := strings.LastIndexAny(t, " \t\r\n()=,"); i >= 0 {
		t = t[i+1:]
	}
	return t
}
