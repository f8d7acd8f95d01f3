package filter

import "strings"

// lexer walks over a condition's text. It is a value: a copy is a place to return to.
type lexer struct {
	text string
	Pos
}

func newLexer(text string) lexer {
	return lexer{text: text, Pos: Pos{Line: 1, Col: 1}}
}

func (l *lexer) rest() string { return l.text[l.Offset:] }

// peek returns the n-th byte from here, 0 past the end.
func (l *lexer) peek(n int) byte {
	if l.Offset+n < len(l.text) {
		return l.text[l.Offset+n]
	}
	return 0
}

func (l *lexer) advance(n int) string {
	s := l.text[l.Offset : l.Offset+n]
	for i := range n {
		l.Offset++
		l.Col++
		if s[i] == '\n' || s[i] == '\r' && l.peek(0) != '\n' {
			l.Line++
			l.Col = 1
		}
	}
	return s
}

// eat consumes s if it stands here.
func (l *lexer) eat(s string) bool {
	if !strings.HasPrefix(l.rest(), s) {
		return false
	}
	l.advance(len(s))
	return true
}

// run consumes the longest run of bytes that ok accepts.
func (l *lexer) run(ok func(byte) bool) string {
	rest := l.rest()
	n := 0
	for n < len(rest) && ok(rest[n]) {
		n++
	}
	return l.advance(n)
}

// blank skips white space and tells whether there was any.
func (l *lexer) blank() bool { return l.run(isBlank) != "" }

// identifier consumes a letter and what follows of letters, digits and underscores.
func (l *lexer) identifier() string {
	if !isLetter(l.peek(0)) {
		return ""
	}
	return l.run(isWord)
}

// fieldTail consumes the parts of a field's name behind its first identifier.
func (l *lexer) fieldTail() {
	for l.peek(0) == '.' && isLetter(l.peek(1)) {
		l.advance(1)
		l.run(isWord)
	}
}

// number consumes 0x1f, 12, -1, 1.5 or 1.5e+3; "" if there is none.
func (l *lexer) number() string {
	rest := l.rest()
	digits := func(i int) int {
		for i < len(rest) && isDigit(rest[i]) {
			i++
		}
		return i
	}
	if len(rest) > 2 && rest[0] == '0' && rest[1]|0x20 == 'x' && isHex(rest[2]) {
		n := 2
		for n < len(rest) && isHex(rest[n]) {
			n++
		}
		return l.advance(n)
	}
	start := 0
	if len(rest) > 0 && (rest[0] == '+' || rest[0] == '-') {
		start = 1
	}
	n := digits(start)
	if n == start {
		return ""
	}
	if n < len(rest) && rest[n] == '.' {
		n = digits(n + 1)
	}
	if n+1 < len(rest) && rest[n]|0x20 == 'e' && (rest[n+1] == '+' || rest[n+1] == '-') {
		if end := digits(n + 2); end > n+2 {
			n = end
		}
	}
	return l.advance(n)
}

// quoted consumes a text in quotes, at whose first quote it stands, and undoes its escapes. The text ends at the
// first delimiter that no backslash stands directly before.
func (l *lexer) quoted() (string, error) {
	start := *l
	quote := l.peek(0)
	l.advance(1)
	for {
		i := strings.IndexByte(l.rest(), quote)
		if i < 0 {
			return "", start.errorf("expected the closing quote %c of this text", quote)
		}
		l.advance(i + 1)
		if l.text[l.Offset-2] != '\\' {
			break
		}
	}
	end := l.Offset - 1
	in := start
	in.advance(1)
	if plain := in.text[in.Offset:end]; strings.IndexByte(plain, '\\') < 0 {
		return plain, nil
	}
	var b strings.Builder
	for in.Offset < end {
		i := strings.IndexByte(in.text[in.Offset:end], '\\')
		if i < 0 {
			b.WriteString(in.text[in.Offset:end])
			break
		}
		b.WriteString(in.advance(i))
		c, n, ok := unescape(in.text[in.Offset:end], quote)
		if !ok {
			return "", in.errorf(`expected one of the escapes \b \f \n \r \t \\ \/ \%c \xHH`, quote)
		}
		b.WriteByte(c)
		in.advance(n)
	}
	return b.String(), nil
}

// unescape decodes the escape sequence at the start of s and tells its length. A backslash before a blank stands for
// itself and swallows the blank.
func unescape(s string, quote byte) (c byte, n int, ok bool) {
	if len(s) < 2 {
		return 0, 0, false
	}
	switch s[1] {
	case 'b':
		return '\b', 2, true
	case 'f':
		return '\f', 2, true
	case 'n':
		return '\n', 2, true
	case 'r':
		return '\r', 2, true
	case 't':
		return '\t', 2, true
	case '\\', ' ':
		return '\\', 2, true
	case '/', quote:
		return s[1], 2, true
	case 'x':
		if len(s) >= 4 && isHex(s[2]) && isHex(s[3]) {
			return unhex(s[2])<<4 | unhex(s[3]), 4, true
		}
	}
	return 0, 0, false
}

func isBlank(c byte) bool {
	return c == ' ' || c == '\t' || c == '\b' || c == '\r' || c == '\n'
}

// isSpace is what ends a bare text.
func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) || c == '_' }
func isHex(c byte) bool    { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// isBare is a byte of a text without quotes, isBareArg one of a field's argument without quotes.
func isBare(c byte) bool    { return !isSpace(c) && strings.IndexByte(`()"'=,`, c) < 0 }
func isBareArg(c byte) bool { return !isSpace(c) && strings.IndexByte(`[]"'`, c) < 0 }

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
