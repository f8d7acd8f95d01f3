package yamltree

import (
	"sort"
	"strings"
)

// minRun is the number of items from which a run is worth to be read apart.
const minRun = 256

// run is a series of items of one sequence that are scalars which need no further reading: lines of the same indentation with a
// dash, or words with commas between them behind a bracket. The library sees the first and the last of them: it takes twenty times
// the memory of the text.
type run struct {
	// first and last are the places of the first and the last item; the library does not see the text from from to to.
	first, last, from, to int
	// items is the number of items that the library does not see, before that of the bytes before this run.
	items, before int
}

// findRuns finds the long runs of a file, in their order.
func findRuns(f *File) []run {
	var runs []run
	done := 0
	for line := 1; line <= len(f.lines); {
		var r run
		if r, line = blockRun(f, line); r.items+2 >= minRun {
			runs = append(flowRuns(runs, f.text[:r.first], done), r)
			done = r.to
		}
	}
	runs = flowRuns(runs, f.text, done)
	before := 0
	for i := range runs {
		runs[i].before = before
		before += runs[i].to - runs[i].from
	}
	return runs
}

// blockRun reads lines that are items, and gives the number of the line to go on with.
func blockRun(f *File, line int) (run, int) {
	indent, ok := simpleItem(f.line(line))
	if !ok {
		return run{}, line + 1
	}
	first := line
	for line++; line <= len(f.lines); line++ {
		if next, ok := simpleItem(f.line(line)); !ok || next != indent {
			break
		}
	}
	last := line - 1
	if last <= first {
		return run{}, line
	}
	r := run{from: f.lines[first], to: f.lines[last-1], items: last - first - 1}
	r.first, r.last = f.lines[first-1]+indent+2, r.to+indent+2
	return r, line
}

// flowRuns appends the long runs that begin behind a bracket of a text, from a place of it on.
func flowRuns(runs []run, text string, pos int) []run {
	for pos < len(text) {
		i := strings.IndexByte(text[pos:], '[')
		if i < 0 {
			break
		}
		var r run
		if r, pos = flowRun(text, pos+i+1); r.items+2 >= minRun {
			runs = append(runs, r)
		}
	}
	return runs
}

// flowRun reads words with commas between them, and gives the place to go on from.
func flowRun(text string, pos int) (run, int) {
	var r run
	for n := 0; ; n++ {
		start := skipToWord(text, pos)
		end := start + wordLength(text[start:])
		after := skipToWord(text, end)
		if end == start || after == len(text) || text[after] != ',' && text[after] != ']' {
			return r, max(start, pos)
		}
		if _, ok := simpleScalar(text[start:end]); !ok {
			return r, end
		}
		switch n {
		case 0:
			r.first = start
		case 1:
			r.from = start
		}
		r.last, r.to, r.items = start, start, n-1
		if pos = after + 1; text[after] == ']' {
			return r, pos
		}
	}
}

// skipToWord skips blanks, ends of lines, and comments.
func skipToWord(text string, i int) int {
	for i < len(text) {
		switch c := text[i]; {
		case c == ' ' || c == '\n':
			i++
		case c == '#' && (text[i-1] == ' ' || text[i-1] == '\n'):
			if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
				i += n
			} else {
				return len(text)
			}
		default:
			return i
		}
	}
	return i
}

// wordLength is the number of bytes of the word, or the quoted text, at the begin of a text.
func wordLength(text string) int {
	if len(text) > 0 && (text[0] == '"' || text[0] == '\'') {
		return strings.IndexByte(text[1:], text[0]) + 2 // 1, a lone quote, if there is no second one: no scalar
	}
	n := 0
	for n < len(text) && isPlain(text[n]) {
		n++
	}
	return n
}

// line returns a line of the file without its end.
func (f *File) line(n int) string {
	text := f.text[f.lines[n-1]:]
	if n < len(f.lines) {
		return text[:f.lines[n]-f.lines[n-1]-1]
	}
	return text
}

// simpleItem tells whether a line is an item such as "  - word" or "  - "word"", and how many blanks it begins with.
func simpleItem(line string) (indent int, ok bool) {
	text := strings.TrimLeft(line, " ")
	indent = len(line) - len(text)
	if len(text) < 3 || text[0] != '-' || text[1] != ' ' {
		return 0, false
	}
	_, ok = simpleScalar(text[2:])
	return indent, ok
}

// simpleScalar tells whether a text is a scalar that means what it says: one word, or ASCII between quotes without an escape.
func simpleScalar(text string) (Style, bool) {
	style := Plain
	switch q := text[0]; {
	case q == '"' || q == '\'':
		style = SingleQuoted
		if q == '"' {
			style = DoubleQuoted
		}
		end := len(text) - 1
		if end < 1 || text[end] != q {
			return 0, false
		}
		for _, c := range []byte(text[1:end]) {
			if c < ' ' || c >= 0x7f || c == '\\' || c == q {
				return 0, false
			}
		}
	case !isAlphanumeric(q) && q != '/' || text[len(text)-1] == ':' || strings.EqualFold(text, "null"):
		return 0, false // a mapping's key, a null, or something else
	default:
		for _, c := range []byte(text) {
			if !isPlain(c) {
				return 0, false
			}
		}
	}
	return style, true
}

// isPlain tells whether a word may have a byte: what a word is of is looked at once, however many brackets a file has.
func isPlain(c byte) bool { return isAlphanumeric(c) || strings.IndexByte("._/:-", c) >= 0 }

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// without gives the file's text without what the library need not see.
func without(f *File, runs []run) string {
	var out strings.Builder
	done := 0
	for _, r := range runs {
		out.WriteString(f.text[done:r.from])
		done = r.to
	}
	out.WriteString(f.text[done:])
	return out.String()
}

// placeOf gives the place in the file of a byte of the text that the library sees.
func placeOf(runs []run, off int) int {
	// The runs that are not behind it.
	i := sort.Search(len(runs), func(i int) bool { return runs[i].from-runs[i].before > off })
	if i == 0 {
		return off
	}
	r := runs[i-1]
	return off + r.before + r.to - r.from
}

// nodes makes the items that the library did not see.
func (r run) nodes(f *File) []*Node {
	nodes := make([]Node, r.items)
	out := make([]*Node, r.items)
	pos := r.from
	for i := range nodes {
		for pos = skipToWord(f.text, pos); f.text[pos] == ',' || f.text[pos] == '-'; {
			pos = skipToWord(f.text, pos+1)
		}
		end := pos + wordLength(f.text[pos:])
		style, _ := simpleScalar(f.text[pos:end])
		nodes[i] = Node{Kind: Scalar, Style: style, File: f, Offset: pos, Text: f.text[pos:end], body: pos}
		if style != Plain {
			nodes[i].Text, nodes[i].body = f.text[pos+1:end-1], pos+1
		}
		out[i] = &nodes[i]
		pos = end
	}
	return out
}
