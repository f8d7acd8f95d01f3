package filter

import "strings"

// matchGlob tells whether a shell pattern covers all of s, as fnmatch(3) without flags in the C locale: * any run of
// bytes and ? one byte, both across "/"; [a-z], [!a], [[:alpha:]]; a backslash takes the next byte literally. With fold
// the case of ASCII letters does not count.
func matchGlob(pattern, s string, fold bool) bool {
	p, i := 0, 0
	// star is the pattern's place behind the last *, from the place in s up to which it has eaten.
	star, eaten := -1, 0
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			p++
			star, eaten = p, i
			continue
		}
		if p < len(pattern) {
			if n, ok := matchGlobByte(pattern[p:], s[i], fold); ok {
				p += n
				i++
				continue
			}
		}
		if star < 0 {
			return false
		}
		eaten++
		p, i = star, eaten
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchGlobByte matches one byte with the first element of a pattern and tells that element's length.
func matchGlobByte(p string, c byte, fold bool) (n int, ok bool) {
	switch p[0] {
	case '?':
		return 1, true
	case '\\':
		if len(p) == 1 {
			return 0, false
		}
		return 2, sameByte(p[1], c, fold)
	case '[':
		if n, ok := matchGlobClass(p, c, fold); n > 0 {
			return n, ok
		}
	}
	return 1, sameByte(p[0], c, fold)
}

// matchGlobClass matches one byte with a bracket expression. The length is 0 if it is not closed.
func matchGlobClass(p string, c byte, fold bool) (n int, ok bool) {
	i := 1
	negate := i < len(p) && (p[i] == '!' || p[i] == '^')
	if negate {
		i++
	}
	for start := i; i < len(p); {
		if p[i] == ']' && i > start {
			return i + 1, ok != negate
		}
		if strings.HasPrefix(p[i:], "[:") {
			if end := strings.Index(p[i+2:], ":]"); end >= 0 {
				name := p[i+2 : i+2+end]
				if inClass(name, c) || fold && (inClass(name, lowerByte(c)) || inClass(name, upperByte(c))) {
					ok = true
				}
				i += end + 4
				continue
			}
		}
		lo, width := classByte(p[i:])
		i += width
		hi := lo
		if i+1 < len(p) && p[i] == '-' && p[i+1] != ']' {
			hi, width = classByte(p[i+1:])
			i += 1 + width
		}
		if between(lo, c, hi) || fold && (between(lo, lowerByte(c), hi) || between(lo, upperByte(c), hi)) {
			ok = true
		}
	}
	return 0, false
}

// classByte reads a byte of a bracket expression, perhaps behind a backslash.
func classByte(p string) (c byte, n int) {
	if p[0] == '\\' && len(p) > 1 {
		return p[1], 2
	}
	return p[0], 1
}

func between(lo, c, hi byte) bool { return lo <= c && c <= hi }

func sameByte(a, b byte, fold bool) bool {
	return a == b || fold && lowerByte(a) == lowerByte(b)
}

func inClass(name string, c byte) bool {
	switch name {
	case "alpha":
		return isLetter(c)
	case "digit":
		return isDigit(c)
	case "alnum":
		return isLetter(c) || isDigit(c)
	case "upper":
		return between('A', c, 'Z')
	case "lower":
		return between('a', c, 'z')
	case "space":
		return isSpace(c)
	case "blank":
		return c == ' ' || c == '\t'
	case "punct":
		return between('!', c, '~') && !isLetter(c) && !isDigit(c)
	case "print":
		return between(' ', c, '~')
	case "graph":
		return between('!', c, '~')
	case "cntrl":
		return c < ' ' || c == 0x7f
	case "xdigit":
		return isHex(c)
	}
	return false
}

// globPred picks the cheapest test for a pattern.
func globPred(pattern string, fold bool) pred {
	if fold {
		return &textGlob{pattern: pattern, fold: true}
	}
	body := strings.Trim(pattern, "*")
	if strings.ContainsAny(body, `*?[\`) {
		return &textGlob{pattern: pattern}
	}
	front, back := strings.HasPrefix(pattern, "*"), strings.HasSuffix(pattern, "*")
	switch {
	case body == "" && front:
		return truePred{}
	case front && back:
		return &textContains{lit: body}
	case front:
		return &textSuffix{lit: body}
	case back:
		return newTextPrefix([]string{body})
	default:
		return &textIn{set: newSet([]string{body})}
	}
}
